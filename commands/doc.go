// Package commands is the command line of hb: one file a command.
//
// Every file says the same things in the same order: the command with its
// flags and its words for the manual, then what it does, which is to check the
// flags, ask the node once over control, and hand rows to render.
//
//	app.go      the list of commands, and Main
//	arrange.go  brings flags, wherever they stand, in front of the arguments
//	call.go     what one run of a command has: output, client, deadline
//	fault.go    errors as two lines and an exit code
//	stream.go   --count, --for, --no-reconnect, and watching
//	live.go     what is watched in place: hb top, hb members --watch
//	screen.go   the whole terminal: its size, its keys, and giving it back
//	help.go     help on the terminal; the man pages are made of the same words
//
// # The library's traps
//
// urfave/cli stops reading flags at the first argument, prints usage errors on
// stdout, and exits oddly on unknown commands. So the command line is taken
// apart in arrange.go, by the flags that are declared to the library, and put
// together again in the one order that the library reads well: flags, "--",
// arguments. The library then sets the flags and finds the command.
//
// Arguments behind the user's own "--" (the words of a task) keep theirs, so
// that a command can tell them from its own.
package commands
