// Opa is the Open Policy Agent's own command: `opa run --server` answers the reviews that the benchmark compares with.
package main

import (
	"os"

	"github.com/open-policy-agent/opa/cmd"
)

func main() {
	if cmd.RootCommand.Execute() != nil {
		os.Exit(1)
	}
}
