import type { Handle } from '../src/opfs/buffered-file'
import { Content } from '../src/opfs/content'

/** What a file was asked to do, in the order in which it was asked. Reads leave no trace. */
export type Operation =
  | { kind: 'write'; file: string; at: number; bytes: Uint8Array }
  | { kind: 'truncate'; file: string; size: number }
  | { kind: 'flush'; file: string }

/** The bytes of each file, by name. */
export type Image = ReadonlyMap<string, Uint8Array>

/** Files in memory in the place of access handles, with a log of what reached them. */
export class RecordingDisk {
  readonly log: Operation[] = []
  readonly handles: ReadonlyMap<string, Handle>
  readonly #contents: ReadonlyMap<string, Content>

  constructor(names: readonly string[], image: Image = new Map()) {
    this.#contents = new Map(names.map((name) => [name, new Content(image.get(name))]))
    this.handles = new Map([...this.#contents].map(([name, content]) => [name, this.#handle(name, content)]))
  }

  /** The files as a process sees them: flushed or not. */
  get image(): Image {
    return new Map([...this.#contents].map(([name, content]) => [name, content.bytes.slice()]))
  }

  #handle(file: string, content: Content): Handle {
    return {
      getSize: () => content.bytes.length,
      read: (into, { at }) => content.read(into, at),
      write: (from, { at }) => {
        // A copy: the caller uses its buffer again.
        this.log.push({ kind: 'write', file, at, bytes: from.slice() })
        content.write(from, at)
        return from.length
      },
      truncate: (size) => {
        this.log.push({ kind: 'truncate', file, size })
        content.resize(size)
      },
      flush: () => {
        this.log.push({ kind: 'flush', file })
      },
    }
  }
}
