// Package role has the functions of a plugin by role, finds the one that the host calls, and makes the contract's errors
// of what it returns.
package role

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"saggar.local/guest"
	"saggar.local/guest/internal/abi"
	"saggar.local/guest/internal/call"
)

// Functions are the functions of one role, by the names after # in a task's reference.
type Functions[F any] struct {
	names     []string
	functions []F
	byDefault int
}

// Add adds a function. Panics if there is one with this name, or another default.
func (all *Functions[F]) Add(name string, function F, isDefault bool) {
	for _, known := range all.names {
		if known == name {
			panic("two functions of a role are named " + name)
		}
	}
	all.names = append(all.names, name)
	all.functions = append(all.functions, function)
	if !isDefault {
		return
	}
	if all.byDefault > 0 {
		panic("two functions of a role are its default: " + all.names[all.byDefault-1] + " and " + name)
	}
	all.byDefault = len(all.names)
}

// Pick returns the function that the host calls: the one with the reference's name, or else the only one or the default.
func (all *Functions[F]) Pick() (F, error) {
	var none F
	wanted, isNamed := abi.Must().Handler()
	if !isNamed && len(all.names) == 1 {
		return all.functions[0], nil
	}
	if !isNamed && all.byDefault > 0 {
		return all.functions[all.byDefault-1], nil
	}
	message := "no default function; name one in the reference, as in `plugins.NAME#FUNCTION`"
	if isNamed {
		for at, name := range all.names {
			if name == wanted {
				return all.functions[at], nil
			}
		}
		message = fmt.Sprintf("unknown function `%s`", wanted)
	}
	if len(all.names) > 0 {
		message += "; known: `#" + strings.Join(all.names, "`, `#") + "`"
	}
	return none, guest.Reject("unknown-handler", "%s", message)
}

// Run runs a call of a role; a panic becomes an error, because it would end the instance and lose its message.
func Run(name string, body func() error) (err error) {
	call.Begin(name)
	defer func() {
		if reason := recover(); reason != nil {
			stack := map[string]any{"stack": string(debug.Stack())}
			err = guest.Retry("panic", "panic: %v", reason).With(stack)
		}
	}()
	return body()
}

// Problem describes any error in the terms of the contract.
func Problem(err error) *abi.Problem {
	var problem *guest.Problem
	if errors.As(err, &problem) {
		return &abi.Problem{Code: valid(problem.Code), Message: valid(problem.Message), Details: problem.DetailsJSON()}
	}
	return &abi.Problem{Code: "failed", Message: valid(err.Error())}
}

// HandlerProblem is Problem for handlers: nil without an error.
func HandlerProblem(err error) *abi.Problem {
	if err == nil {
		return nil
	}
	return Problem(err)
}

func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// FromHost makes an error of a problem of the host's.
func FromHost(code, message, details string) *guest.Problem {
	problem := &guest.Problem{Code: code, Message: message}
	if details != "" {
		problem.Details = json.RawMessage(details)
	}
	return problem
}
