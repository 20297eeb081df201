import type { Handle } from './buffered-file'

/** A file that is open: this worker's alone until it is closed or the worker ends. */
export interface OpenFile extends Handle {
  close(): void
}

/** A folder of files, in the origin's private file system or in memory. */
export interface Folder {
  /** Opens a file, creating it where it is missing. */
  open(name: string): Promise<OpenFile>
  names(): Promise<string[]>
  /** The content of a file that is not open. */
  read(name: string): Promise<Blob>
  remove(name: string): Promise<void>
}
