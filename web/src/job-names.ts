import { isNotFound } from './errors'
import type { JobInfo } from './protocol'

/** Which job a name means: its own, or one that it was registered as. */
export class JobNames {
  readonly #load: () => Promise<readonly JobInfo[]>
  #names: Promise<ReadonlyMap<string, string> | null> | null = null

  constructor(load: () => Promise<readonly JobInfo[]>) {
    this.#load = load
  }

  /** A name that no job has stays what it is. */
  async resolve(name: string): Promise<string> {
    this.#names ??= this.#read()
    try {
      const names = await this.#names
      // A job that is new may be told the next time. Null: jobs are not told at all.
      if (names?.has(name) === false) this.#names = null
      return names?.get(name) ?? name
    } catch (error) {
      this.#names = null
      throw error
    }
  }

  async #read(): Promise<ReadonlyMap<string, string> | null> {
    try {
      const jobs = await this.#load()
      const keyed = jobs.flatMap(({ name, keys }) => keys.map((key) => [key, name] as const))
      // Last, so that a name goes before another job's key, as it does in the engine.
      return new Map([...keyed, ...jobs.map(({ name }) => [name, name] as const)])
    } catch (error) {
      // A server that doesn't tell its jobs knows them by their names alone.
      if (isNotFound(error)) return null
      throw error
    }
  }
}
