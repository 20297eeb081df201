import { useEngineStatus } from 'durably/react'
import {
  useEffect,
  useLayoutEffect,
  useRef,
  useSyncExternalStore,
  type ComponentType,
  type ReactNode,
} from 'react'
import type { Failing } from '../words'
import { LoadFailure } from './load-failure'
import { ShowFailure } from './show-failure'
import { Skeleton } from './skeleton'
import { ViewNotice } from './view-notice'

/** A component, and what loads its code before it is needed. */
export type Lazy<Props> = ComponentType<Props> & { preload: () => void }

/**
 * A component whose code is loaded when it is first shown. Where it could not be, the rest of the page stays, and it
 * is tried again, for all places at once. `waiting` stands in its place meanwhile.
 */
export function lazily<Props extends object>(
  what: Failing,
  load: () => Promise<ComponentType<Props>>,
  waiting: ReactNode = <Skeleton rows={3} />,
): Lazy<Props> {
  const code = new Code(load)
  function Lazily(props: Props): ReactNode {
    const loaded = useSyncExternalStore(code.subscribe, code.get, code.get)
    useEffect(() => code.begin(), [])
    if (loaded === null) return waiting
    if (loaded === 'failed') return <Failure what={what} onRetry={() => void code.load()} />
    return <loaded.Component {...props} />
  }
  return Object.assign(Lazily, { preload: () => void code.preload() })
}

type Loaded<Props> = { Component: ComponentType<Props> } | 'failed' | null

class Code<Props> {
  readonly #load: () => Promise<ComponentType<Props>>
  readonly #listeners = new Set<() => void>()
  #loaded: Loaded<Props> = null
  #isBegun = false

  constructor(load: () => Promise<ComponentType<Props>>) {
    this.#load = load
  }

  readonly get = (): Loaded<Props> => this.#loaded

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Beginning twice is beginning once. */
  readonly begin = (): void => {
    if (!this.#isBegun) void this.load()
  }

  /** Where it fails before anybody looks, the first look begins anew. */
  async preload(): Promise<void> {
    if (this.#isBegun) return
    await this.load()
    if (this.#loaded !== 'failed' || this.#listeners.size > 0) return
    this.#loaded = null
    this.#isBegun = false
  }

  /** What could not be loaded counts as that until it is there: who tries again keeps the button and the focus. */
  async load(): Promise<void> {
    this.#isBegun = true
    try {
      this.#loaded = { Component: await this.#load() }
    } catch {
      this.#loaded = 'failed'
    }
    for (const listener of this.#listeners) listener()
  }
}

/** Tried again by itself where a server was away and is back. */
function Failure({ what, onRetry }: { what: Failing; onRetry: () => void }): ReactNode {
  const isAway = useEngineStatus().state === 'offline'
  const wasAway = useRef(isAway)
  useEffect(() => {
    if (wasAway.current && !isAway) onRetry()
    wasAway.current = isAway
  })
  const frame = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const div = frame.current
    return () => {
      // What takes its place has no focus yet: the keyboard goes on where the view begins.
      if (div?.matches(':focus-within') === true) div.closest<HTMLElement>('[tabindex="-1"]')?.focus()
    }
  }, [])
  return (
    <div ref={frame}>
      {isAway ? (
        <ViewNotice onRetry={onRetry}>
          <LoadFailure what={what} error="" />
        </ViewNotice>
      ) : (
        <ShowFailure what={what} onRetry={onRetry} />
      )}
    </div>
  )
}
