// Package swim is the SWIM failure detector.
package swim
