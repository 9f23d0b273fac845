// Cliv1 reads arguments as runc 1.1 to 1.5 do, with the library that they are
// built with: urfave/cli v1 in the version of the module file.
//
// Standard input has one line with the flags, then one line for each question,
// the arguments as a list; all in JSON. Standard output has one line for each.
package main

import (
	"bufio"
	"encoding/json"
	"io"
	"log"
	"os"

	"github.com/urfave/cli"
)

type flag struct {
	Name, Alias   string
	Nothing, List bool
}

type tables struct {
	Global  []flag
	Verbs   map[string][]flag
	Ordered []string // verbs whose flags end at the first argument
}

type answer struct {
	Verb          string // empty: no verb was called
	Global, Flags map[string][]string
	Args          []string
}

func main() {
	cli.OsExiter = func(int) {}
	in := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	var t tables
	for first := true; in.Scan(); first = false {
		if first {
			if err := json.Unmarshal(in.Bytes(), &t); err != nil {
				log.Fatal(err)
			}
			continue
		}
		var args []string
		if err := json.Unmarshal(in.Bytes(), &args); err != nil {
			log.Fatal(err)
		}
		if err := out.Encode(t.ask(args)); err != nil {
			log.Fatal(err)
		}
	}
}

func (t tables) ask(args []string) (a answer) {
	app := cli.NewApp()
	app.Name, app.Version, app.Writer, app.ErrWriter = "runc", "1", io.Discard, io.Discard
	cli.ErrWriter = io.Discard
	app.Flags = declare(t.Global)
	for name, flags := range t.Verbs {
		command := cli.Command{Name: name, Flags: declare(flags)}
		for _, ordered := range t.Ordered {
			command.SkipArgReorder = command.SkipArgReorder || ordered == name
		}
		command.Action = func(c *cli.Context) error {
			a.Verb, a.Args = name, c.Args()
			a.Global = values(t.Global, c.Parent())
			a.Flags = values(flags, c)
			return nil
		}
		app.Commands = append(app.Commands, command)
	}
	_ = app.Run(append([]string{"runc"}, args...)) // an error: no verb was called
	return a
}

func declare(flags []flag) []cli.Flag {
	var declared []cli.Flag
	for _, f := range flags {
		name := f.Name
		if f.Alias != "" {
			name += ", " + f.Alias
		}
		switch {
		case f.Name == "help" || f.Name == "version": // the library's own
		case f.Nothing:
			declared = append(declared, cli.BoolFlag{Name: name})
		case f.List:
			declared = append(declared, cli.StringSliceFlag{Name: name})
		default:
			declared = append(declared, cli.StringFlag{Name: name})
		}
	}
	return declared
}

func values(flags []flag, c *cli.Context) map[string][]string {
	set := map[string][]string{}
	for _, f := range flags {
		switch {
		case f.List && len(c.StringSlice(f.Name)) > 0: // which IsSet does not see in every version
			set[f.Name] = c.StringSlice(f.Name)
		case f.Name == "help" || f.Name == "version" || !c.IsSet(f.Name):
		case f.Nothing && c.Bool(f.Name):
			set[f.Name] = []string{"true"}
		case f.Nothing:
			set[f.Name] = []string{"false"}
		default:
			set[f.Name] = []string{c.String(f.Name)}
		}
	}
	return set
}
