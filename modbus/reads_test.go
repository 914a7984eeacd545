package modbus_test

import (
	"bytes"
	"encoding/binary"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wellkeeper.internal/modbus"
)

// No write function of goburrow is used, and none is in the binary: the linker keeps
// the names of all functions that can be reached.
func TestNoWriteIsLinked(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(binary, []byte("github.com/goburrow/modbus.(*tcpPackager).Encode")) {
		t.Fatal("the names of functions are not in the binary: this test sees nothing")
	}
	for _, name := range []string{"(*client).Write", "(*client).MaskWrite", "(*client).ReadWrite", "NewClient"} {
		if bytes.Contains(binary, []byte("github.com/goburrow/"+"modbus."+name)) { // this test's own text must not match
			t.Errorf("%s of goburrow is linked", name)
		}
	}
}

// The sources name nothing of goburrow that writes or that could carry a write.
func TestSourcesUseNoWrite(t *testing.T) {
	allowed := map[string]bool{
		"NewTCPClientHandler": true, "NewRTUClientHandler": true, "TCPClientHandler": true, "RTUClientHandler": true,
		"ProtocolDataUnit": true, "ModbusError": true,
		"FuncCodeReadCoils": true, "FuncCodeReadDiscreteInputs": true, "FuncCodeReadHoldingRegisters": true, "FuncCodeReadInputRegisters": true,
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("sources: %v", err)
	}
	seen := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "modbus" {
				seen++
				if !allowed[s.Sel.Name] && !strings.HasPrefix(s.Sel.Name, "ExceptionCode") {
					t.Errorf("%s: modbus.%s is not on the list of what a reader needs", set.Position(s.Pos()), s.Sel.Name)
				}
			}
			return true
		})
	}
	if seen == 0 {
		t.Error("no use of goburrow found: this test sees nothing")
	}
}

// Whatever comes back, a reader neither panics nor takes more or fewer words than it
// asked for, and what it takes stands in the bytes that came.
func FuzzReadTCP(f *testing.F) {
	good := ask{id: 1, unit: 1, fc: 3, quantity: 3, tick: 1}
	f.Add(good.reply(), uint8(3), uint16(3))
	f.Add(good.exception(2), uint8(3), uint16(3))
	f.Add([]byte{0, 1, 0, 0, 0, 5, 1, 1, 2, 0xFF, 1}, uint8(1), uint16(9))
	f.Add([]byte{0, 1, 0, 0, 0xFF, 0xFF, 1, 3}, uint8(4), uint16(125))
	f.Fuzz(func(t *testing.T, b []byte, fc uint8, quantity uint16) {
		fuzzReader(t, b, fc, quantity, modbus.ReadTCP)
	})
}

func FuzzReadRTU(f *testing.F) {
	good := ask{unit: 1, fc: 3, quantity: 3, tick: 1}
	f.Add(good.rtu(), uint8(3), uint16(3))
	f.Add(good.rtuException(2), uint8(3), uint16(3))
	f.Add(append(sealed([]byte{1, 3, 0, 0, 0, 3}), good.rtu()...), uint8(3), uint16(3)) // echo
	f.Add(sealed([]byte{1, 1, 2, 0xFF, 1}), uint8(1), uint16(9))
	f.Fuzz(func(t *testing.T, b []byte, fc uint8, quantity uint16) {
		fuzzReader(t, b, fc, quantity, modbus.ReadRTU)
	})
}

func fuzzReader(t *testing.T, b []byte, fc uint8, quantity uint16, read func(r io.Reader, fc uint8, quantity uint16) ([]uint16, error)) {
	t.Helper()
	fc, quantity = fc%4+1, quantity%125+1
	words, err := read(bytes.NewReader(b), fc, quantity)
	if err != nil {
		if words != nil {
			t.Errorf("words beside an error: %v, %v", words, err)
		}
		return
	}
	if len(words) != int(quantity) {
		t.Fatalf("words: got %d, want %d", len(words), quantity)
	}
	var packed []byte
	if fc <= 2 {
		packed = make([]byte, (quantity+7)/8)
		for i, w := range words {
			packed[i/8] |= byte(w << (i % 8))
		}
		if quantity%8 == 0 && !bytes.Contains(b, packed) {
			t.Errorf("bits % x are not in % x", packed, b)
		}
		return
	}
	for _, w := range words {
		packed = binary.BigEndian.AppendUint16(packed, w)
	}
	if !bytes.Contains(b, packed) {
		t.Errorf("words % x are not in % x", packed, b)
	}
}
