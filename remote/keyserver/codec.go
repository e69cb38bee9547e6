package keyserver

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"asynccrypto/remote/keyserverpb"
)

// maxFields bounds the fields of a session's message, each of which may be a request. An empty
// request takes two bytes on the wire and a hundred times as many in memory.
const maxFields = 8 << 10

// boundedCodec is gRPC's own codec, but refuses a message of many small requests before it makes
// them.
type boundedCodec struct{ encoding.CodecV2 }

func newBoundedCodec() boundedCodec { return boundedCodec{encoding.GetCodecV2(proto.Name)} }

// Unmarshal implements encoding.CodecV2.
func (c boundedCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if _, ok := v.(*keyserverpb.ClientMessage); !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	whole := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer whole.Free()
	rest := whole.ReadOnlyData()
	for n := 0; len(rest) > 0; n++ {
		_, _, length := protowire.ConsumeField(rest)
		if length < 0 {
			return protowire.ParseError(length)
		}
		if n == maxFields {
			return fmt.Errorf("more than %d requests in a message", maxFields)
		}
		rest = rest[length:]
	}
	return c.CodecV2.Unmarshal(mem.BufferSlice{whole}, v)
}
