import { useEffect, useMemo, useState } from 'react'
import type { Durably, EngineEventType } from 'durably'
import { useDurably } from 'durably/react'
import { keyOf, type Note, type Outcome } from './notes'
import { keepOutcomes, readNotes } from './notes-database'
import { outcomesOf, sentBy, toOutcomes } from './outcomes'

const JOB = 'sync-notes'

/** How many of the newest runs are asked what became of notes. What is not known is sent again. */
const RUNS = 10

export interface NotesState {
  /** Null until they have been read. */
  notes: readonly Note[] | null
  /** Versions of notes that a run is about to send. */
  underWay: ReadonlySet<string>
  /** Those of them whose run has begun: from then on no trigger gives it another input. */
  begun: ReadonlySet<string>
  /** Why there are none. */
  error: string | null
}

const NOT_READ: NotesState = { notes: null, underWay: new Set(), begun: new Set(), error: null }

/** The notes, and where they are: moved by whatever happens to runs of the job, in whichever tab. */
export function useNotes(): NotesState & { reload: () => Promise<void> } {
  const { durably } = useDurably()
  const [state, setState] = useState(NOT_READ)
  const watch = useMemo(() => new NotesWatch(durably, setState), [durably])
  useEffect(() => watch.start(), [watch])
  return { ...state, reload: watch.reload }
}

const TELLING: ReadonlySet<EngineEventType> = new Set([
  'run:trigger',
  'run:coalesced',
  'run:leased',
  'run:requeue',
  'run:complete',
  'run:fail',
  'run:cancel',
  'run:delete',
  'step:complete',
])

class NotesWatch {
  readonly #durably: Durably
  readonly #tell: (change: (state: NotesState) => NotesState) => void
  /** Runs that have ended, and of which all is known. */
  readonly #read = new Set<string>()
  #isAsking = false
  #isStale = false

  constructor(durably: Durably, tell: (change: (state: NotesState) => NotesState) => void) {
    this.#durably = durably
    this.#tell = tell
  }

  start(): () => void {
    void this.reload()
    return this.#durably.subscribe(
      (events) => {
        if (events.some(({ type }) => TELLING.has(type))) void this.#ask()
      },
      { jobName: JOB, onOpen: () => void this.#ask() },
    )
  }

  readonly reload = async (): Promise<void> => {
    try {
      const notes = await readNotes()
      this.#tell((state) => ({ ...state, notes, error: null }))
    } catch (error) {
      this.#tell((state) => ({ ...state, error: error instanceof Error ? error.message : String(error) }))
    }
  }

  /** What is told while an answer is awaited may be missing in it: then it is asked again. */
  async #ask(): Promise<void> {
    this.#isStale = true
    if (this.#isAsking) return
    this.#isAsking = true
    try {
      while (this.#isStale) {
        this.#isStale = false
        await this.#askOnce()
      }
    } catch {
      // The engine is gone for now: `onOpen` is called when it is back.
    } finally {
      this.#isAsking = false
    }
  }

  async #askOnce(): Promise<void> {
    const runs = await this.#durably.getRuns({ jobName: JOB, limit: RUNS })
    const underWay = new Set<string>()
    const begun = new Set<string>()
    for (const run of runs) {
      if (this.#read.has(run.id)) continue
      const outcomes = toOutcomes(run.output ?? undefined) ?? outcomesOf(await this.#durably.getSteps(run.id))
      await keepOutcomes(outcomes)
      if (!run.isActive) {
        this.#read.add(run.id)
        continue
      }
      for (const key of left(sentBy(run), outcomes)) {
        underWay.add(key)
        if (run.attempt > 0) begun.add(key)
      }
    }
    const notes = await readNotes()
    this.#tell((state) => ({ ...state, notes, underWay, begun, error: null }))
  }
}

function left(keys: readonly string[], outcomes: readonly Outcome[]): string[] {
  const known = new Set(outcomes.map(keyOf))
  return keys.filter((key) => !known.has(key))
}
