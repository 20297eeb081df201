import { inflateSync } from 'fflate'

/** A zip as `durably build` writes them: no comment at its end, no more files or bytes than its first format knows. */

const END = 0x06054b50
const END_BYTES = 22
const ENTRY = 0x02014b50
const ENTRY_BYTES = 46
const LOCAL_BYTES = 30
const STORED = 0
const DEFLATED = 8

/** A file in an archive. Nothing is unpacked before it is read. */
export interface ArchivedFile {
  path: string
  /** Of its content. */
  size: number
  read(): Uint8Array
  /** The same, with the time that it takes spent elsewhere. */
  readBeside(): Promise<Uint8Array>
}

/** The files of an archive. Throws where it is no zip, or one that `durably build` does not write. */
export function filesOf(archive: ArrayBuffer): ArchivedFile[] {
  const view = new DataView(archive)
  const end = archive.byteLength - END_BYTES
  if (end < 0 || view.getUint32(end, true) !== END) throw new Error('An archive of the runtime is no zip.')
  const files: ArchivedFile[] = []
  let at = view.getUint32(end + 16, true)
  for (let left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    if (view.getUint32(at, true) !== ENTRY) throw new Error('An archive of the runtime is damaged.')
    const nameBytes = view.getUint16(at + 28, true)
    const file = fileAt(view, at, nameBytes)
    if (!file.path.endsWith('/')) files.push(file)
    at += ENTRY_BYTES + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
  }
  return files
}

const names = new TextDecoder()

function fileAt(view: DataView<ArrayBuffer>, at: number, nameBytes: number): ArchivedFile {
  const path = names.decode(new Uint8Array(view.buffer, at + ENTRY_BYTES, nameBytes))
  const method = view.getUint16(at + 10, true)
  if (method !== STORED && method !== DEFLATED) throw new Error(`${path} is packed in an unknown way.`)
  const packedBytes = view.getUint32(at + 20, true)
  const size = view.getUint32(at + 24, true)
  const local = view.getUint32(at + 42, true)
  const packed = (): Uint8Array<ArrayBuffer> => {
    const begin = local + LOCAL_BYTES + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
    return new Uint8Array(view.buffer, begin, packedBytes)
  }
  if (method === STORED) return { path, size, read: packed, readBeside: () => Promise.resolve(packed()) }
  return {
    path,
    size,
    read: () => inflateSync(packed(), { out: new Uint8Array(size) }),
    readBeside: async () => {
      const stream = new Blob([packed()]).stream().pipeThrough(new DecompressionStream('deflate-raw'))
      return new Uint8Array(await new Response(stream).arrayBuffer())
    },
  }
}
