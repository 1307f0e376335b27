package main

// mutant is a bug that somebody might make.
type mutant struct {
	name    string
	changes []change
}

// mutants are the planted bugs, each a lie about one promise of the house.
var mutants = []mutant{}
