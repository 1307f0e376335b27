package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

const (
	schemaFile    = "core/wire/hb.proto"
	generatedFile = "core/wire/hb.pb.go"
)

// decodersRule: whatever takes bytes from outside is fuzzed.
var decodersRule = rule{
	name: "decoders are fuzzed",
	why:  "bytes come from broken disks and from strangers; a decoder must refuse them without a panic, and only a fuzz target tries what nobody thinks of",
	check: func(t *tree) (found []finding) {
		for _, dir := range t.dirs() {
			var fuzzed strings.Builder
			for _, f := range t.pick(func(f *file) bool { return f.dir == dir && f.test }) {
				if text := t.texts[f.path]; strings.Contains(string(text), "\nfunc Fuzz") {
					fuzzed.Write(text)
				}
			}
			for _, f := range t.code(dir) {
				for _, d := range f.ast.Decls {
					fn, ok := d.(*ast.FuncDecl)
					if ok && isDecoder(fn) && !regexp.MustCompile(`\b`+fn.Name.Name+`\(`).MatchString(fuzzed.String()) {
						found = append(found, t.at(f, fn.Pos(), "%s takes bytes and is in no fuzz target of its package", fn.Name.Name))
					}
				}
			}
		}
		return found
	},
	bad: []fixture{
		{"a/a.go": "package a\n\nfunc DecodeX(b []byte) {}\n"},
		{"a/a.go": "package a\n\nfunc ParseX(b []byte) {}\n", "a/a_test.go": "package a\n\nfunc TestX() { ParseX(nil) }\n"},
		{"a/a.go": "package a\n\ntype T int\n\nfunc (T) UnmarshalX(b []byte) {}\n"},
	},
	good: fixture{"a/a.go": "package a\n\nfunc DecodeX(b []byte) {}\n\nfunc ParseY(s string) {}\n\nfunc parse(b []byte) {}\n",
		"a/a_test.go": "package a\n\nfunc FuzzX() { DecodeX(nil) }\n"},
}

// isDecoder tells by name and by a parameter of bytes.
func isDecoder(fn *ast.FuncDecl) bool {
	if !regexp.MustCompile(`^(Decode|Parse|Unmarshal)`).MatchString(fn.Name.Name) {
		return false
	}
	return slices.ContainsFunc(fn.Type.Params.List, func(p *ast.Field) bool {
		array, ok := p.Type.(*ast.ArrayType)
		return ok && array.Len == nil && dotted(array.Elt) == "byte"
	})
}

// messagesRule: every kind of message is sent there and back by a test. The
// corpus of core/wire fills whatever is reachable from a message it is given,
// so each message that no other one holds must be given to it.
var messagesRule = rule{
	name: "messages have cases",
	why:  "a message that no test encodes and decodes is a message that an upgrade will break",
	check: func(t *tree) (found []finding) {
		var tests strings.Builder
		for _, f := range t.pick(func(f *file) bool { return f.dir == "core/wire" && f.test }) {
			tests.Write(t.texts[f.path])
		}
		messages := readSchema(string(t.texts[schemaFile]))
		for _, m := range messages {
			held := slices.ContainsFunc(messages, func(other message) bool {
				return other.name != m.name && slices.ContainsFunc(other.fields, func(f field) bool { return f.kind == m.name })
			})
			if !held && !strings.Contains(tests.String(), "&"+m.name+"{") {
				found = append(found, finding{schemaFile, m.line, m.name + " is in no test of core/wire"})
			}
		}
		for _, f := range t.code("core/wire") {
			for _, kind := range packetKinds(f.ast) {
				if !regexp.MustCompile(`\b` + kind.Name + `\b`).MatchString(tests.String()) {
					found = append(found, t.at(f, kind.Pos(), "%s is in no test of core/wire", kind.Name))
				}
			}
		}
		return found
	},
	bad: []fixture{
		{schemaFile: "message A {\n  B b = 1;\n}\nmessage B {}\n", "core/wire/a_test.go": "package wire\n\nvar b = &B{}\n"},
		{schemaFile: "message A {\n}\n"},
		{schemaFile: "", "core/wire/a.go": "package wire\n\nconst (\n\tKindA = 1\n\tKindB = 2\n)\n", "core/wire/a_test.go": "package wire\n\nvar a = KindA\n"},
	},
	good: fixture{schemaFile: "message A {\n  repeated B b = 1;\n}\nmessage B {}\n", "core/wire/a_test.go": "package wire\n\nvar a = &A{KindA}\n",
		"core/wire/a.go": "package wire\n\nconst KindA = 1\n\nvar KindOfSomething = 1\n"},
}

// weighedRule: nothing is decoded that was not weighed.
var weighedRule = rule{
	name: "messages are weighed",
	why:  "a few bytes of protobuf can take a hundred times their memory; wire.Unmarshal refuses those, proto.Unmarshal does not",
	check: func(t *tree) (found []finding) {
		for _, f := range t.pick(func(f *file) bool { return !f.test && f.dir != "core/wire" }) {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && dotted(call.Fun) == "proto.Unmarshal" {
					found = append(found, t.at(f, call.Pos(), "decodes without weighing: wire.Unmarshal does both"))
				}
				return true
			})
		}
		return found
	},
	bad:  []fixture{{"core/node/a.go": "package node\n\nfunc f() { proto.Unmarshal(nil, nil) }\n"}},
	good: fixture{"core/wire/a.go": "package wire\n\nfunc f() { proto.Unmarshal(nil, nil) }\n", "core/node/a.go": "package node\n\nfunc f() { wire.Unmarshal(nil, nil) }\n"},
}

// packetKinds are the constants that name the kinds of datagrams.
func packetKinds(f *ast.File) (names []*ast.Ident) {
	for _, d := range f.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			continue
		}
		for _, s := range decl.Specs {
			for _, name := range s.(*ast.ValueSpec).Names {
				if strings.HasPrefix(name.Name, "Kind") {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// schemaRule: the generated code is of the schema that stands beside it, and no
// number stands for two fields.
var schemaRule = rule{
	name: "schema",
	why:  "hb.pb.go is made from hb.proto (go generate ./core/wire); when they differ, what people read is not what nodes speak",
	check: func(t *tree) (found []finding) {
		for _, m := range readSchema(string(t.texts[schemaFile])) {
			numbers := map[string]string{}
			for _, f := range m.fields {
				if other, ok := numbers[f.number]; ok {
					found = append(found, finding{schemaFile, f.line, fmt.Sprintf("%s of %s has the number of %s", f.name, m.name, other)})
				}
				numbers[f.number] = f.name
				tag := regexp.MustCompile(`\b\w+,` + f.number + `,(opt|rep)(,packed)?,name=` + f.name + `,`)
				if !tag.Match(t.texts[generatedFile]) {
					found = append(found, finding{schemaFile, f.line, fmt.Sprintf("%s of %s is not in %s", f.name, m.name, generatedFile)})
				}
			}
		}
		return found
	},
	bad: []fixture{
		{schemaFile: "message A {\n  uint32 n = 1;\n}\n", generatedFile: "package wire\n"},
		{schemaFile: "message A {\n  uint32 n = 2;\n}\n", generatedFile: generatedText},
		{schemaFile: "message A {\n  uint32 n = 1;\n  uint32 n = 1;\n}\n", generatedFile: generatedText},
	},
	good: fixture{schemaFile: "// A.\nmessage A {\n  // N.\n  uint32 n = 1; // n\n  oneof body {\n    map<string, string> m = 8;\n  }\n}\n", generatedFile: generatedText},
}

const generatedText = "package wire\n\ntype A struct {\n\tN uint32 `protobuf:\"varint,1,opt,name=n,proto3\"`\n\tM uint32 `protobuf:\"bytes,8,rep,name=m,proto3\"`\n}\n"

// message and field are what these rules need to know of a schema.
type message struct {
	name   string
	line   int
	fields []field
}

type field struct {
	kind, name, number string
	line               int
}

var (
	messageLine = regexp.MustCompile(`^message (\w+) \{`)
	fieldText   = regexp.MustCompile(`(?:repeated\s+)?([\w.]+|map<[^>]*>)\s+(\w+)\s*=\s*(\d+);`)
)

func readSchema(text string) (messages []message) {
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "//")
		if m := messageLine.FindStringSubmatch(line); m != nil {
			messages = append(messages, message{name: m[1], line: i + 1})
		}
		for _, f := range fieldText.FindAllStringSubmatch(line, -1) {
			if n := len(messages) - 1; n >= 0 {
				messages[n].fields = append(messages[n].fields, field{f[1], f[2], f[3], i + 1})
			}
		}
	}
	return messages
}
