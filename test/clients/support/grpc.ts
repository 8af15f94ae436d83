import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** A message of Protocol Buffers, of strings and messages: field number → value. */
export interface Message {
  readonly [field: number]: string | Message
}

export interface GrpcAnswer {
  /** `0` is success. @see https://grpc.io/docs/guides/status-codes/ */
  readonly code: number
  readonly message: string
  /** The answer, as it came. */
  readonly body: Buffer
}

/** One unary call to a server on a Unix socket, for example of `/runtime.v1.ImageService/PullImage`. */
export async function callGrpc(socket: string, method: string, request: Message): Promise<GrpcAnswer> {
  const session = connectHttp2('http://localhost', { createConnection: () => connect(socket) })
  try {
    const stream = session.request({ ':method': 'POST', ':path': method, 'content-type': 'application/grpc', te: 'trailers' })
    const closed = new Promise<IncomingHttpHeaders>((resolve, reject) => {
      session.on('error', reject)
      stream.on('error', reject).on('trailers', resolve)
      stream.on('response', (headers) => headers['grpc-status'] !== undefined && resolve(headers))
    })
    stream.end(frame(encode(request)))
    const [body, end] = await Promise.all([buffer(stream), closed])
    return { code: Number(end['grpc-status']), message: decodeURIComponent(String(end['grpc-message'] ?? '')), body: body.subarray(5) }
  } finally {
    session.close()
  }
}

/** @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md: a byte that says "not compressed", and four with the length */
function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** @see https://protobuf.dev/programming-guides/encoding/: each field with its number, wire type 2, and its length */
function encode(message: Message): Buffer {
  const fields = Object.entries(message).map(([field, value]) => {
    const bytes = typeof value === 'string' ? Buffer.from(value) : encode(value)
    return Buffer.concat([Buffer.from([(Number(field) << 3) | 2]), varint(bytes.length), bytes])
  })
  return Buffer.concat(fields)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; bytes.length === 0 || rest > 0; rest >>>= 7) bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
  return Buffer.from(bytes)
}
