// Package daemon drives one node on a real machine.
package daemon
