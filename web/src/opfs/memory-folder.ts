import { Content } from './content'
import type { Folder, OpenFile } from './folder'

/** Files that last as long as the worker: only for an app that asks for `storage: 'memory'`. */
export class MemoryFolder implements Folder {
  readonly #contents = new Map<string, Content>()

  open(name: string): Promise<OpenFile> {
    const content = this.#contents.get(name) ?? new Content()
    this.#contents.set(name, content)
    return Promise.resolve(opened(content))
  }

  names(): Promise<string[]> {
    return Promise.resolve([...this.#contents.keys()])
  }

  read(name: string): Promise<Blob> {
    return Promise.resolve(new Blob([this.#contents.get(name)?.bytes ?? '']))
  }

  remove(name: string): Promise<void> {
    this.#contents.delete(name)
    return Promise.resolve()
  }
}

function opened(content: Content): OpenFile {
  return {
    getSize: () => content.bytes.length,
    read: (into, { at }) => content.read(into, at),
    write: (from, { at }) => {
      content.write(from, at)
      return from.length
    },
    truncate: (size) => content.resize(size),
    flush: () => undefined,
    close: () => undefined,
  }
}
