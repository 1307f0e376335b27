// Package node composes the machines into one.
package node
