// Package render prints what commands have to say: as a table for people, as
// tab-separated lines for awk and cut, or as JSON for programs.
//
// Whatever comes from other machines is made safe first (safe.go): a name must
// not be able to move the cursor of whoever lists it, nor to break one line
// into two. Tables look like kubectl's: no borders, two spaces between columns,
// no spaces at the end of a line. On a terminal they fit its width, the widest
// of the columns that may shrink giving way first; elsewhere nothing is cut.
//
// What a person watches is a Page (page.go): a function from what is to be seen and
// the size of a terminal to lines. Who draws them is not this package's business.
//
// This package alone imports tablewriter.
package render
