package commands

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"hb/core"
	"hb/core/config"
)

func configCommand() *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "check, show or make a configuration",
		Description: `The configuration is described in hb.toml(5). It is looked for at --config,
HB_CONFIG, and else /etc/hb/hb.toml for root, $XDG_CONFIG_HOME/hb/hb.toml for
others; without one the defaults hold.`,
		Action: action(-1, func(c *call) error {
			return usage("hb config needs a subcommand: check, show or default")
		}),
		Subcommands: []*cli.Command{
			{Name: "check", Usage: "tell all that is wrong with the configuration", ArgsUsage: "[FILE]", Action: plainWords(1, runConfigCheck),
				Description: "Prints every fault on a line of its own, as\n\n    FILE:LINE:COL: key: what is wrong: what would be right\n\nand exits 78; without a fault it prints nothing and exits 0."},
			{Name: "show", Usage: "print the configuration that holds", Action: plainWords(0, runConfigShow),
				Description: "Prints the effective configuration, defaults included, as a file that could stand\nin its place."},
			{Name: "default", Usage: "print a commented default configuration", Action: plainWords(0, runConfigDefault),
				Description: "Prints a configuration in which every key stands with its default and its meaning,\ncommented out."},
		},
	}
}

func runConfigCheck(c *call) error {
	path, explicit := c.configPath()
	if len(c.words) > 0 {
		path, explicit = c.words[0], true
	}
	if !explicit && path == "" {
		if !c.quiet {
			fmt.Fprintln(c.stderr, "hb: there is no configuration; the defaults hold")
		}
		return nil
	}
	_, findings := config.Load(path)
	for _, f := range findings {
		if _, err := fmt.Fprintln(c.stdout, f); err != nil {
			return err
		}
	}
	if len(findings) > 0 {
		return exit(core.CodeConfig)
	}
	return nil
}

// loadConfig reads the configuration that holds; every finding is told.
func (c *call) loadConfig() (*config.Config, error) {
	path, _ := c.configPath()
	if path == "" {
		return config.New(), nil
	}
	return c.readConfig(path)
}

// readConfig reads a file; every finding is told.
func (c *call) readConfig(path string) (*config.Config, error) {
	conf, findings := config.Load(path)
	if len(findings) == 0 {
		return conf, nil
	}
	for _, f := range findings[:len(findings)-1] {
		fmt.Fprintf(c.stderr, "hb: %v\n", f)
	}
	return nil, core.Faultf(core.CodeConfig, "%v", findings[len(findings)-1])
}

func runConfigShow(c *call) error {
	conf, err := c.loadConfig()
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(c.stdout, conf.TOML())
	return err
}

func runConfigDefault(c *call) error {
	_, err := fmt.Fprint(c.stdout, config.Default())
	return err
}
