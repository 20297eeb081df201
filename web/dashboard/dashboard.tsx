import type { StorageKind } from 'durably'
import { useEngineStatus } from 'durably/react'
import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode, type RefObject } from 'react'
import { Router, useRouter } from 'wouter'
import { memoryLocation } from 'wouter/memory-location'
import { addressOf, NO_FILTERS, placeOf, runsAddress, type Place } from './addresses'
import { ExtrasContext, useExtras, type JobExtras } from './extras'
import { useHashLocation } from './hash-location'
import { Chart } from './overview/chart'
import { Overview } from './overview/overview'
import { whenIdle } from './parts/when-idle'
import { RunsView } from './runs/runs-view'
import { Header } from './shell/header'
import { Notices } from './shell/notices'
import { StorageView } from './storage/storage-view'
import { LazyForm } from './trigger/lazy-form'
import { TriggerView } from './trigger/trigger-view'

export interface DurablyDashboardProps {
  /**
   * Where it keeps what is looked at: in the page's address after `#`, so that links can be shared and the way back
   * works, or in memory, where the address belongs to the page. Default: `hash`.
   */
  location?: 'hash' | 'memory' | undefined
  /** Only this job and its runs. */
  jobName?: string | undefined
  /** At the top, before the views. Default: the name and sign of Durably. */
  brand?: ReactNode
  /** Beside the brand, where there is room. */
  tagline?: ReactNode
  /** What the page knows of jobs beyond their schemas, by job name. */
  jobs?: Partial<Record<string, JobExtras>> | undefined
  /** Shown as long as no run is chosen. */
  intro?: ReactNode
  /** At the end of the header. */
  tools?: ReactNode
  /** Below everything else. */
  footer?: ReactNode
  /** What a person must know before anything else. */
  notices?: ReactNode
  /** The page goes to another version of itself: that its engine stops is no fault. */
  isLeaving?: boolean | undefined
  /** Where the same page keeps its database otherwise, if it offers both. */
  storageHref?: ((kind: StorageKind) => string) | undefined
}

/**
 * Jobs, their runs and the engine, to look after and to try. Belongs into a `DurablyProvider`; the same whether the
 * engine is in this browser or on a server. Its styles: `durably/dashboard.css`.
 */
export function DurablyDashboard({
  location = 'hash',
  jobName,
  brand,
  tagline,
  tools,
  footer,
  jobs,
  intro,
  notices,
  isLeaving = false,
  storageHref,
}: DurablyDashboardProps): ReactNode {
  const [memory] = useState(() => memoryLocation({ path: runsAddress() }))
  const placeNow = useRef<Place>(ALL_RUNS)
  const onPlace = useCallback((place: Place) => {
    placeNow.current = place
  }, [])
  const extras = useMemo(
    () => ({
      jobs: jobs ?? {},
      jobName: jobName ?? null,
      intro: intro ?? null,
      notices: notices ?? null,
      isLeaving,
      storageHref: storageHref ?? null,
      placeNow,
      forgetRun: () => undefined,
    }),
    [jobs, jobName, intro, notices, isLeaving, storageHref],
  )
  return (
    <ExtrasContext.Provider value={extras}>
      <Router hook={location === 'memory' ? memory.hook : useHashLocation}>
        <Shell
          isPart={location === 'memory'}
          onPlace={onPlace}
          brand={brand}
          tagline={tagline}
          tools={tools}
          footer={footer}
        />
      </Router>
    </ExtrasContext.Provider>
  )
}

const ALL_RUNS: Place & { view: 'runs' } = { view: 'runs', runId: null, filters: NO_FILTERS }
const NO_TRIGGER: Place = { view: 'trigger', jobName: null }

interface ShellProps extends Pick<DurablyDashboardProps, 'brand' | 'tagline' | 'tools' | 'footer'> {
  /** Of another's page, which has its own landmarks. */
  isPart: boolean
  onPlace: (place: Place) => void
}

function Shell({ isPart, footer, onPlace, ...slots }: ShellProps): ReactNode {
  const Main = isPart ? 'div' : 'main'
  const status = useEngineStatus()
  const extras = useExtras()
  const router = useRouter()
  // As they are written: wouter's own hooks decode them, and what they hold is decoded once more here.
  const place = placeOf(router.hook(router)[0], router.searchHook(router))
  useEffect(() => onPlace(place))
  useParts(status.state === 'ready')
  const [runs, setRuns] = useLast(place.view === 'runs' ? place : null, ALL_RUNS)
  const main = useRef<HTMLDivElement & HTMLElement>(null)
  useFocusKept(main, addressOf(place))
  const [trigger] = useLast(place.view === 'trigger' ? place : null, null)
  const inside = useMemo(() => ({ ...extras, forgetRun: () => setRuns(ALL_RUNS) }), [extras, setRuns])
  return (
    <ExtrasContext.Provider value={inside}>
      <div className="durably" data-engine={status.state}>
        <Header
          status={status}
          place={place}
          runs={runs}
          trigger={trigger ?? NO_TRIGGER}
          isPart={isPart}
          {...slots}
        />
        <Notices status={status} />
        <Main className="main" ref={main} tabIndex={-1}>
          {/* What was typed, listed and scrolled stays there meanwhile. */}
          <div hidden={place.view !== 'runs'}>
            <RunsView runId={runs.runId} filters={runs.filters} isShown={place.view === 'runs'} />
          </div>
          <div hidden={place.view !== 'trigger'}>
            {trigger !== null && <TriggerView jobName={extras.jobName ?? trigger.jobName} />}
          </div>
          {place.view === 'overview' && <Overview {...place} jobName={extras.jobName ?? place.jobName} />}
          {place.view === 'storage' && <StorageView status={status} />}
        </Main>
        {footer}
      </div>
    </ExtrasContext.Provider>
  )
}

/** What views load when they are first shown must be there when the network or the server is gone by then. */
function useParts(isReady: boolean): void {
  useEffect(() => {
    if (!isReady) return
    return whenIdle(() => {
      Chart.preload()
      LazyForm.preload()
    })
  }, [isReady])
}

/** What had the focus may be hidden by going elsewhere: then the keyboard goes on where one came to. */
function useFocusKept(main: RefObject<HTMLElement | null>, address: string): void {
  const before = useRef(address)
  const wasHere = useRef(false)
  useEffect(() => {
    const note = (event: FocusEvent): void => {
      const whole = main.current?.closest('.durably') ?? null
      wasHere.current = whole !== null && event.composedPath().includes(whole)
    }
    document.addEventListener('focusin', note)
    return () => document.removeEventListener('focusin', note)
  }, [main])
  useEffect(() => {
    if (before.current === address) return
    before.current = address
    // Who is elsewhere in the page around it stays there.
    if (!wasHere.current) return
    const root = main.current?.getRootNode() as Document | ShadowRoot | undefined
    const focused = root?.activeElement
    if (focused?.checkVisibility() !== true || focused === document.body) main.current?.focus()
  }, [main, address])
}

/** The place, or where that view was left. */
function useLast<Seen extends Place, None extends Seen | null>(
  place: Seen | null,
  none: None,
): [Seen | None, (place: Seen) => void] {
  const [last, remember] = useState<Seen | null>(place)
  if (place !== null && (last === null || addressOf(last) !== addressOf(place))) remember(place)
  return [place ?? last ?? none, remember]
}
