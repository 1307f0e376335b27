package commands

import (
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"

	"hb/commands/render"
)

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "print the version",
		Description: "Prints the version of this program; a running node's own is in hb status.",
		Action: plainWords(0, func(c *call) error {
			if c.isJSON() {
				return render.JSON(c.stdout, struct {
					Schema  string `json:"schema"`
					Version string `json:"version"`
					Go      string `json:"go"`
					OS      string `json:"os"`
					Arch    string `json:"arch"`
				}{"hb.version/1", c.App.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH})
			}
			if c.form == "plain" {
				_, err := fmt.Fprintln(c.stdout, c.App.Version)
				return err
			}
			return printVersion(c.stdout, c.App.Version)
		}),
	}
}
