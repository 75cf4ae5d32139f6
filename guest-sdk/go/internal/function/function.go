// Package function calls a user's function with the arguments of a job, which are JSON.
package function

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"saggar.local/guest"
)

// Processor is a user's function, checked.
type Processor struct {
	value      reflect.Value
	parameters []reflect.Type
	hasResult  bool
	hasError   bool
}

var (
	jobType   = reflect.TypeFor[guest.Job]()
	errorType = reflect.TypeFor[error]()
)

// Check reads the types of a function; panics if they are not those of a processor.
func Check(name string, run any) Processor {
	value := reflect.ValueOf(run)
	wrong := func(why string) {
		panic(fmt.Sprintf("processor %s: %s: func(guest.Job, …) (RESPONSE, error)", name, why))
	}
	if value.Kind() != reflect.Func {
		wrong("not a function")
	}
	kind := value.Type()
	if kind.NumIn() == 0 || kind.In(0) != jobType || kind.IsVariadic() {
		wrong("its first parameter is not guest.Job, or its last one is variadic")
	}
	checked := Processor{value: value}
	for at := 1; at < kind.NumIn(); at++ {
		checked.parameters = append(checked.parameters, kind.In(at))
	}
	results := kind.NumOut()
	checked.hasError = results > 0 && kind.Out(results-1) == errorType
	if checked.hasError {
		results--
	}
	if results > 1 {
		wrong("it returns more than a response and an error")
	}
	checked.hasResult = results == 1
	if checked.hasResult && kind.Out(0).Implements(errorType) {
		wrong("the type of an error that it returns is not error")
	}
	return checked
}

// Call runs a job: JSON in, JSON out.
func (run Processor) Call(job guest.Job, args string) (string, error) {
	values, err := run.arguments(args)
	if err != nil {
		return "", err
	}
	results := run.value.Call(append([]reflect.Value{reflect.ValueOf(job)}, values...))
	if run.hasError {
		if err, failed := results[len(results)-1].Interface().(error); failed && !isNil(results[len(results)-1]) {
			return "", err
		}
	}
	if !run.hasResult {
		return "null", nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(results[0].Interface()); err != nil {
		return "", guest.Reject("invalid-response", "the result cannot be written as JSON: %v", err)
	}
	return string(bytes.TrimSpace(text.Bytes())), nil
}

// isNil knows a nil *guest.Failure in an error, which is not equal to nil.
func isNil(value reflect.Value) bool {
	return value.IsNil() || value.Elem().Kind() == reflect.Pointer && value.Elem().IsNil()
}

func (run Processor) arguments(args string) ([]reflect.Value, error) {
	var items []json.RawMessage
	if err := json.Unmarshal([]byte(args), &items); err != nil {
		return nil, guest.Reject("invalid-args", "the arguments are not a list: %v", err)
	}
	required := len(run.parameters)
	for required > 0 && run.parameters[required-1].Kind() == reflect.Pointer {
		required--
	}
	if len(items) < required || len(items) > len(run.parameters) {
		return nil, guest.Reject("invalid-args", "got %d arguments for %v", len(items), run.value.Type())
	}
	values := make([]reflect.Value, len(run.parameters))
	for at, parameter := range run.parameters {
		value := reflect.New(parameter)
		if at < len(items) {
			if err := decode(items[at], value.Interface()); err != nil {
				return nil, invalid(at+1, err)
			}
		}
		values[at] = value.Elem()
	}
	return values, nil
}

// decode keeps the digits of numbers whose type is any.
func decode(item json.RawMessage, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(item))
	decoder.UseNumber()
	return decoder.Decode(into)
}

func invalid(position int, err error) error {
	var mismatch *json.UnmarshalTypeError
	details := map[string]any{"position": position}
	if errors.As(err, &mismatch) {
		return guest.Reject("invalid-args", "argument %d: expected %v, got %s", position, mismatch.Type, mismatch.Value).With(details)
	}
	return guest.Reject("invalid-args", "argument %d: %v", position, err).With(details)
}
