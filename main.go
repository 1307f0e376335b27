// Command hb turns a handful of machines into one cluster.
package main

import (
	"os"

	"hb/commands"
)

// version is that of this program.
const version = "0.1.0"

func main() { os.Exit(commands.Main(version, os.Args)) }
