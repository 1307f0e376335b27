// Package replog is election and log as one machine.
package replog
