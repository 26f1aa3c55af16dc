//go:build !wasm

package sandbus

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// documentRow is one of tests/conformance/json.jsonl, whose README says what each key means.
type documentRow struct {
	Name     string
	Document *string
	Base64   []byte
	Times    int
	Before   string
	Open     string
	Inside   string
	Close    string
	After    string
	Is       string
	Differs  map[string]string
}

func (r documentRow) bytes() []byte {
	switch {
	case r.Document != nil:
		return []byte(*r.Document)
	case r.Base64 != nil:
		return r.Base64
	}
	return []byte(r.Before + strings.Repeat(r.Open, r.Times) + r.Inside + strings.Repeat(r.Close, r.Times) + r.After)
}

func (r documentRow) wanted(language string) string {
	wanted, differs := r.Differs[language]
	if !differs {
		return r.Is
	}
	wanted, _, _ = strings.Cut(wanted, ":")
	return wanted
}

func TestWhatIsJSONIsSoInEveryLanguage(t *testing.T) {
	file, err := os.ReadFile("../../../tests/conformance/json.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(file), []byte("\n"))
	if len(lines) < 50 {
		t.Fatalf("only %d documents", len(lines))
	}
	for _, line := range lines {
		var row documentRow
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		found := "ok"
		var body any
		if err := (TestEvent{Value: row.bytes()}).Event().JSON(&body); err != nil {
			var failed *Error
			if !errors.As(err, &failed) {
				t.Fatalf("%s: %v", row.Name, err)
			}
			found = failed.Kind()
		}
		if found != row.wanted("go") {
			t.Errorf("%s: %s, and %s is wanted", row.Name, found, row.wanted("go"))
		}
	}
}
