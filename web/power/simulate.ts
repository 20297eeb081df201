import { createHash } from 'node:crypto'
import { SURVIVAL_NAMES, Timeline, type SurvivalName } from './cut'
import { RecordingDisk, type Image, type Operation } from './disk'
import type { PlantedFault } from './plants'
import { Random } from './random'
import { FILES, type Recording, type Site } from './site'
import { beat } from './watchdog'

/** One power cut: enough to repeat it. */
export interface Cut {
  workload: string
  seed: number
  position: number
  survival: SurvivalName
  /** Which of the outcomes that chance decides. */
  draw: number
  /** A second cut, at this operation of the recovery from the first. */
  again: number | undefined
}

/** A cut after which something that was promised did not hold. */
export interface Failure {
  cut: Cut
  fault: string
}

export interface Outcome {
  operations: number
  cutPoints: number
  variants: number
  /** How many of them left files that no other cut before had left. */
  images: number
  failures: Failure[]
}

interface Verdict {
  fault: string
  state: number
  /** How many operations on the files it took to open the database. */
  opened: number
}

/** A cut in one word, as `parseCut` takes it. */
export function cutText({ workload, seed, position, survival, draw, again }: Cut): string {
  const parts = [workload, seed, position, survival, draw, ...(again === undefined ? [] : [again])]
  return parts.join('/')
}

export function parseCut(text: string): Cut {
  const [workload = '', seed, position, name, draw, again] = text.split('/')
  const survival = SURVIVAL_NAMES.find((each) => each === name)
  if (survival === undefined) throw new Error(`${text} is no cut: it looks like birth/1/42/sectors-512/0.`)
  return {
    workload,
    seed: Number(seed),
    position: Number(position),
    survival,
    draw: Number(draw),
    again: again === undefined ? undefined : Number(again),
  }
}

/** What was acknowledged in a life, counted. */
export interface Summary {
  commits: number
  events: number
  steps: number
}

/** A recorded life: the operations on its files, and what Python noted meanwhile. */
export class Life {
  readonly log: readonly Operation[]
  readonly summary: Summary
  readonly #promisesAt: readonly number[]
  readonly #recording: Recording
  readonly #site: Site
  readonly #workload: string
  readonly #seed: number

  constructor(site: Site, workload: string, seed: number, planted?: PlantedFault) {
    this.#site = site
    this.#workload = workload
    this.#seed = seed
    const disk = new RecordingDisk(FILES)
    let commits = 0
    const { handles, plant, onCommit } = planted?.prepare(disk, () => commits >= planted.afterCommits) ?? {
      handles: disk.handles,
      plant: () => undefined,
      onCommit: () => undefined,
    }
    const committed = (): void => {
      commits += 1
      onCommit()
    }
    const position = () => disk.log.length
    this.#recording = site.mounted(
      handles,
      (path) => site.session.record(workload, path, seed, position, committed),
      { plant },
    )
    this.log = disk.log
    const { promises, ...summary } = JSON.parse(this.#recording.summary()) as Summary & { promises: number[] }
    this.summary = summary
    this.#promisesAt = promises
  }

  /** Cuts the power until `enough` cuts have failed. */
  cut(extent: Extent): Outcome {
    const outcome: Outcome = {
      operations: this.log.length,
      cutPoints: 0,
      variants: 0,
      images: 0,
      failures: [],
    }
    const timeline = new Timeline(FILES, this.log)
    const seen = new Set<string>()
    for (const position of positions(this.log.length, extent.cutPoints, this.#seed)) {
      timeline.advanceTo(position)
      outcome.cutPoints += 1
      for (const cut of this.#cutsAt(timeline, extent)) {
        this.#tryOnce(timeline, cut, seen, outcome)
        if (outcome.failures.length >= extent.enough) return outcome
      }
    }
    return outcome
  }

  /** What becomes of one cut: the fault, or nothing. */
  replay(cut: Cut): string {
    const timeline = new Timeline(FILES, this.log)
    timeline.advanceTo(cut.position)
    const image = timeline.cut(cut.survival, randomOf({ ...cut, again: undefined }))
    const { verdict, log } = this.#verify(image, cut)
    if (cut.again === undefined || verdict.fault !== '') return verdict.fault
    const recovery = new Timeline(FILES, log, image)
    recovery.advanceTo(cut.again)
    return this.#verify(recovery.cut(cut.survival, randomOf(cut)), cut).verdict.fault
  }

  #cutsAt(timeline: Timeline, { survivals, draws }: Extent): Cut[] {
    const at = { workload: this.#workload, seed: this.#seed, position: timeline.position }
    if (timeline.settled) return [{ ...at, survival: 'none', draw: 0, again: undefined }]
    const random = new Random(this.#seed, timeline.position)
    const names = shuffled(SURVIVAL_NAMES, random).slice(0, survivals)
    return names.flatMap((survival) =>
      Array.from({ length: DETERMINED.has(survival) ? 1 : draws }, (_, draw) => ({
        ...at,
        survival,
        draw,
        again: undefined,
      })),
    )
  }

  #tryOnce(timeline: Timeline, cut: Cut, seen: Set<string>, outcome: Outcome): void {
    outcome.variants += 1
    const image = timeline.cut(cut.survival, randomOf(cut))
    if (!isNew(image, this.#promisesBy(cut.position), seen)) return
    outcome.images += 1
    const { verdict, log } = this.#verify(image, cut)
    if (verdict.fault !== '') {
      outcome.failures.push({ cut, fault: verdict.fault })
      return
    }
    if (verdict.opened === 0) return
    // The power comes back and goes again, before the recovery has ended.
    const recovery = new Timeline(FILES, log, image)
    for (let again = 0; again <= verdict.opened; again++) {
      recovery.advanceTo(again)
      const second: Cut = { ...cut, again }
      const left = recovery.cut(cut.survival, randomOf(second))
      outcome.variants += 1
      if (!isNew(left, this.#promisesBy(cut.position), seen)) continue
      outcome.images += 1
      const { fault } = this.#verify(left, second).verdict
      if (fault !== '') outcome.failures.push({ cut: second, fault })
    }
  }

  /** How much had been acknowledged: after the same cut, more promises are more to hold. */
  #promisesBy(position: number): number {
    return this.#promisesAt.filter((at) => at <= position).length
  }

  #verify(image: Image, cut: Cut): { verdict: Verdict; log: readonly Operation[]; image: Image } {
    beat(cutText(cut))
    const disk = new RecordingDisk(FILES, image)
    const text = this.#site.mounted(disk.handles, (path) =>
      this.#recording.verify(path, cut.position, () => disk.log.length),
    )
    return { verdict: JSON.parse(text) as Verdict, log: disk.log, image }
  }
}

/** How much of what can be tried is tried. */
export interface Extent {
  /** At how many operations the power is cut, chosen by the seed. */
  cutPoints: number
  /** How many of the ways to survive are tried at each, chosen by the seed. */
  survivals: number
  /** How often chance is asked where it decides. */
  draws: number
  /** After so many failures, the rest is left. */
  enough: number
}

const DETERMINED: ReadonlySet<SurvivalName> = new Set(['none', 'all', 'truncations', 'writes'])

/** So many of the points before and after each operation, in order. */
function positions(operations: number, count: number, seed: number): number[] {
  const all = Array.from({ length: operations + 1 }, (_, position) => position)
  return shuffled(all, new Random(seed))
    .slice(0, count)
    .sort((one, other) => one - other)
}

function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  return items
    .map((item) => ({ item, key: random.next() }))
    .sort((one, other) => one.key - other.key)
    .map(({ item }) => item)
}

function randomOf(cut: Cut): Random {
  return new Random(
    cut.seed,
    cut.position,
    SURVIVAL_NAMES.indexOf(cut.survival),
    cut.draw,
    (cut.again ?? -1) + 1,
  )
}

/** Whether these files, with what had been acknowledged by then, have not been looked at yet. */
function isNew(image: Image, promises: number, seen: Set<string>): boolean {
  const digest = createHash('sha1').update(`${promises} `)
  for (const [name, bytes] of image) digest.update(`${name} ${bytes.length} `).update(bytes)
  const before = seen.size
  seen.add(digest.digest('base64'))
  return seen.size > before
}
