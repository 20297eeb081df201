import { Content } from '../src/opfs/content'
import type { Image, Operation } from './disk'
import { type Random } from './random'

type Change = Exclude<Operation, { kind: 'flush' }>

/** The smallest pieces in which a disk writes: old drives and SQLite's own assumption, and new drives. */
type SectorBytes = 512 | 4096

/** Which of the changes that were not flushed are on disk after the cut, in the order in which they were made. */
type Survival = (unflushed: readonly Change[], random: Random) => readonly Change[]

/** What may have become of unflushed changes: nothing orders them, within a file or between files. */
export const SURVIVALS = {
  none: () => [],
  all: (unflushed) => unflushed,
  prefix: (unflushed, random) => prefix(torn(unflushed, 512), random),
  'prefix-by-file': (unflushed, random) =>
    byFile(torn(unflushed, 4096), (changes) => prefix(changes, random)),
  later: (unflushed, random) =>
    byFile(unflushed, (changes) => changes.slice(random.below(changes.length + 1))),
  files: (unflushed, random) => byFile(unflushed, (changes) => (random.next() < 0.5 ? changes : [])),
  'sectors-512': (unflushed, random) => some(torn(unflushed, 512), random),
  'sectors-4096': (unflushed, random) => some(torn(unflushed, 4096), random),
  'all-but-one': (unflushed, random) => {
    const sectors = torn(unflushed, 512)
    const lost = random.below(sectors.length)
    return sectors.filter((_sector, index) => index !== lost)
  },
  'only-one': (unflushed, random) => {
    const sectors = torn(unflushed, 512)
    const kept = random.below(sectors.length)
    return sectors.slice(kept, kept + 1)
  },
  truncations: (unflushed) => unflushed.filter(({ kind }) => kind === 'truncate'),
  writes: (unflushed) => unflushed.filter(({ kind }) => kind === 'write'),
} as const satisfies Record<string, Survival>

export type SurvivalName = keyof typeof SURVIVALS
export const SURVIVAL_NAMES = Object.keys(SURVIVALS) as SurvivalName[]

/** Moves along a log of operations and tells what a power cut could leave at each point of it. */
export class Timeline {
  readonly #log: readonly Operation[]
  readonly #durable: ReadonlyMap<string, Content>
  #unflushed: Change[] = []
  #position = 0

  constructor(names: readonly string[], log: readonly Operation[], before: Image = new Map()) {
    this.#log = log
    this.#durable = new Map(names.map((name) => [name, new Content(before.get(name))]))
  }

  /** How many operations have been asked for. */
  get position(): number {
    return this.#position
  }

  /** Whether a cut has but one outcome here. */
  get settled(): boolean {
    return this.#unflushed.length === 0
  }

  advanceTo(position: number): void {
    while (this.#position < position) {
      const operation = this.#log[this.#position++]
      if (operation === undefined) throw new Error(`There is no operation ${this.#position - 1}.`)
      if (operation.kind === 'flush') this.#flush(operation.file)
      else this.#unflushed.push(operation)
    }
  }

  /** The files after a cut at this position. */
  cut(survival: SurvivalName, random: Random): Image {
    const survivors = SURVIVALS[survival](this.#unflushed, random)
    const touched = new Set(survivors.map(({ file }) => file))
    const contents = new Map(
      [...this.#durable].map(([name, content]) => [
        name,
        touched.has(name) ? new Content(content.bytes) : content,
      ]),
    )
    for (const change of survivors) apply(change, contents)
    return new Map([...contents].map(([name, content]) => [name, content.bytes]))
  }

  #flush(file: string): void {
    for (const change of this.#unflushed) if (change.file === file) apply(change, this.#durable)
    this.#unflushed = this.#unflushed.filter((change) => change.file !== file)
  }
}

function apply(change: Change, contents: ReadonlyMap<string, Content>): void {
  const content = contents.get(change.file)
  if (content === undefined) throw new Error(`There is no file ${change.file}.`)
  if (change.kind === 'truncate') content.resize(change.size)
  else content.write(change.bytes, change.at)
}

/** The same changes with each write in the pieces that may survive on their own. */
function torn(changes: readonly Change[], sectorBytes: SectorBytes): Change[] {
  return changes.flatMap((change) => (change.kind === 'write' ? sectors(change, sectorBytes) : [change]))
}

function sectors(write: Change & { kind: 'write' }, sectorBytes: SectorBytes): Change[] {
  const pieces: Change[] = []
  const end = write.at + write.bytes.length
  for (let at = write.at; at < end;) {
    const next = Math.min(end, (Math.floor(at / sectorBytes) + 1) * sectorBytes)
    pieces.push({ ...write, at, bytes: write.bytes.subarray(at - write.at, next - write.at) })
    at = next
  }
  return pieces
}

function prefix(changes: readonly Change[], random: Random): Change[] {
  return changes.slice(0, random.below(changes.length + 1))
}

function some(changes: readonly Change[], random: Random): Change[] {
  const likelihood = random.next()
  return changes.filter(() => random.next() < likelihood)
}

function byFile(changes: readonly Change[], choose: (ofFile: Change[]) => Change[]): Change[] {
  const files = [...new Set(changes.map(({ file }) => file))]
  return files.flatMap((file) => choose(changes.filter((change) => change.file === file)))
}
