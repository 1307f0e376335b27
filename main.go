// Command hb turns a handful of machines into one cluster.
package main

import (
	"os"

	"hb/commands"
)

// version is that of this program; scripts/release sets it (-X main.version).
var version = "0.1.0"

func main() { os.Exit(commands.Main(version, os.Args)) }
