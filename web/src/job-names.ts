import { isNotFound } from './errors'
import type { JobInfo } from './protocol'

/** Which job a name means: its own, or one that it was registered as. */
export class JobNames {
  readonly #load: () => Promise<readonly JobInfo[]>
  #names: Promise<ReadonlyMap<string, string>> | null = null

  constructor(load: () => Promise<readonly JobInfo[]>) {
    this.#load = load
  }

  /** A name that no job has stays what it is. */
  async resolve(name: string): Promise<string> {
    this.#names ??= this.#read()
    try {
      return (await this.#names).get(name) ?? name
    } catch (error) {
      this.#names = null
      throw error
    }
  }

  async #read(): Promise<ReadonlyMap<string, string>> {
    try {
      const jobs = await this.#load()
      return new Map(jobs.flatMap(({ name, keys }) => [...keys, name].map((each) => [each, name] as const)))
    } catch (error) {
      // A server that doesn't tell its jobs knows them by their names alone.
      if (isNotFound(error)) return new Map()
      throw error
    }
  }
}
