package sandbus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth is as deep as brackets may be nested: what Rust's serde_json takes. encoding/json itself goes on to 10,000,
// which is more than the sandbox's stack holds, and then what an event holds would be a fault.
const maxDepth = 127

// readJSON is json.Unmarshal, but for what the other languages' readers take no more than this one.
func readJSON(document []byte, into any) error {
	// encoding/json puts U+FFFD in the place of what is no UTF-8.
	if !utf8.Valid(document) {
		return errors.New("it is not UTF-8")
	}
	// Few have so many brackets that they could be nested too deep.
	if bytes.Count(document, []byte("["))+bytes.Count(document, []byte("{")) > maxDepth && tooDeep(document) {
		return fmt.Errorf("it is nested deeper than %d", maxDepth)
	}
	return json.Unmarshal(document, into)
}

// tooDeep says of JSON whether it is nested deeper than maxDepth. Of what is no JSON it may say either.
func tooDeep(document []byte) bool {
	depth, inString := 0, false
	for at := 0; at < len(document); at++ {
		switch character := document[at]; {
		case character == '"':
			inString = !inString
		case inString:
			if character == '\\' {
				at++
			}
		case character == '[' || character == '{':
			if depth++; depth > maxDepth {
				return true
			}
		case character == ']' || character == '}':
			depth--
		}
	}
	return false
}
