import type { Handle } from '../src/opfs/buffered-file'
import { RecordingDisk, type Image } from './disk'
import { Random } from './random'
import { report, seconds } from './report'
import { FILES, type Site } from './site'
import { beat } from './watchdog'

type Call = keyof Handle

/** What a call of a handle does in the place of its work. */
type Fault = (call: Call, size: number, work: (size: number) => unknown) => unknown

const thrown =
  (make: () => Error): Fault =>
  () => {
    throw make()
  }
const named = (name: string): Fault => thrown(() => new DOMException('the simulation wants it so', name))
/** Transfers fewer bytes than it was asked to, and no other call is touched. */
const short =
  (of: Call, most: (size: number) => number): Fault =>
  (call, size, work) =>
    work(call === of ? most(size) : size)

const FAULTS: Record<string, Fault> = {
  QuotaExceededError: named('QuotaExceededError'),
  NoModificationAllowedError: named('NoModificationAllowedError'),
  InvalidStateError: named('InvalidStateError'),
  NotFoundError: named('NotFoundError'),
  TypeError: thrown(() => new TypeError('the simulation wants it so')),
  RangeError: thrown(() => new RangeError('the simulation wants it so')),
  Error: thrown(() => new Error('the simulation wants it so')),
  'short-read': short('read', (size) => Math.floor(size / 2)),
  'empty-read': short('read', () => 0),
  'short-write': short('write', (size) => Math.ceil(size / 2)),
  'empty-write': short('write', () => 0),
}

/** What the engine is at when the fault comes. `tests/power/trial.py` */
const SCENES = ['starting', 'running', 'reopening'] as const
const SPANS = ['once', 'lasting'] as const

/** One fault: enough to repeat it. */
export interface Case {
  scene: (typeof SCENES)[number]
  fault: string
  /** It comes with the n-th call, from 1. */
  call: number
  span: (typeof SPANS)[number]
}

/** Handles of which the n-th call, and if the fault lasts all that follow, go wrong until they are healed. */
class FailingHandles {
  readonly handles: ReadonlyMap<string, Handle>
  armed = false
  calls = 0
  readonly #fault: Fault | undefined
  readonly #at: number
  readonly #lasts: boolean

  constructor(disk: RecordingDisk, fault: Fault | undefined, at: number, lasts: boolean) {
    this.#fault = fault
    this.#at = at
    this.#lasts = lasts
    this.handles = new Map([...disk.handles].map(([name, handle]) => [name, this.#failing(handle)]))
  }

  #failing(handle: Handle): Handle {
    return {
      getSize: () => this.#call('getSize', 0, () => handle.getSize()),
      read: (into, options) =>
        this.#call('read', into.length, (size) => handle.read(into.subarray(0, size), options)),
      write: (from, options) =>
        this.#call('write', from.length, (size) =>
          size === 0 ? 0 : handle.write(from.subarray(0, size), options),
        ),
      truncate: (size) => this.#call('truncate', 0, () => handle.truncate(size)),
      flush: () => this.#call('flush', 0, () => handle.flush()),
    }
  }

  #call<Result>(call: Call, size: number, work: (size: number) => Result): Result {
    if (!this.armed) return work(size)
    this.calls += 1
    const isDue = this.#lasts ? this.calls >= this.#at : this.calls === this.#at
    if (!isDue || this.#fault === undefined) return work(size)
    return this.#fault(call, size, work) as Result
  }
}

interface Extent {
  /** Every so manieth case is tried. */
  every: number
  seed: number
}

/** Makes each call of a handle go wrong in each way. Says whether the engine took all of it well. */
export function faultsOfHandles(site: Site, { every, seed }: Extent): boolean {
  const began = performance.now()
  report('Failing handles')
  const random = new Random(seed)
  let tried = 0
  let failed = 0
  let lost = 0
  for (const scene of SCENES) {
    const calls = attempt(site, { scene, fault: 'none', call: 0, span: 'once' }).calls
    for (const each of cases(scene, calls)) {
      if (random.below(every) !== 0) continue
      tried += 1
      const { fault, isLost } = attempt(site, each)
      lost += Number(isLost)
      if (fault === '') continue
      failed += 1
      if (failed <= 10)
        report(`    FAILED: ${fault}\n    again: make test-power-replay CUT=${caseText(each)}`)
    }
    report(`  ${scene.padEnd(12)} ${calls} calls`)
  }
  report(
    `  ${'in all'.padEnd(12)} ${tried} faults, ${lost} of them with the handles lost, ${failed} not taken well, ${seconds(began)} s`,
  )
  return failed === 0
}

function* cases(scene: Case['scene'], calls: number): Iterable<Case> {
  for (const fault of Object.keys(FAULTS))
    for (let call = 1; call <= calls; call++) for (const span of SPANS) yield { scene, fault, call, span }
}

export function caseText({ scene, fault, call, span }: Case): string {
  return `${scene}/${fault}/${call}/${span}`
}

/** Lives with one fault. `fault` of the answer is what was not taken well, or nothing. */
export function attempt(site: Site, each: Case): { fault: string; calls: number; isLost: boolean } {
  beat(caseText(each))
  const disk = new RecordingDisk(FILES, each.scene === 'reopening' ? aLife(site) : undefined)
  const failing = new FailingHandles(disk, FAULTS[each.fault], each.call, each.span === 'lasting')
  let lost: unknown
  const trial = site.session.trial(each.scene, (armed: boolean) => {
    failing.armed = armed
  })
  const live = (path: string): string => trial.live(path, () => lost !== undefined)
  const fault = site.mounted(failing.handles, live, { onFatal: (error) => (lost ??= error) })
  failing.armed = false
  // What the next worker finds: the page has started it, because the old one is dead or was closed.
  const recovered = site.mounted(new RecordingDisk(FILES, disk.image).handles, (path) => trial.recover(path))
  trial.destroy()
  return { fault: fault === '' ? recovered : fault, calls: failing.calls, isLost: lost !== undefined }
}

let left: Image | undefined

/** The files of a worker that died with a WAL full of commits. */
function aLife(site: Site): Image {
  left ??= liveAndDie(site)
  return left
}

function liveAndDie(site: Site): Image {
  const disk = new RecordingDisk(FILES)
  const trial = site.session.trial('running', () => undefined)
  const [fault, image] = site.mounted(disk.handles, (path) => [trial.begin(path), disk.image] as const)
  trial.destroy()
  if (fault !== '') throw new Error(`The life before could not be lived: ${fault}`)
  return image
}

/** The case behind the text of a report. */
export function parseCase(text: string): Case | undefined {
  const [scene, fault = '', call, span] = text.split('/')
  const found = { scene: SCENES.find((each) => each === scene), span: SPANS.find((each) => each === span) }
  if (found.scene === undefined || found.span === undefined || FAULTS[fault] === undefined) return undefined
  return { scene: found.scene, fault, call: Number(call), span: found.span }
}
