import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual'
import type { UseInfiniteRunsResult } from 'durably/react'
import { useEffect, useRef, type KeyboardEvent, type ReactNode } from 'react'
import type { RunFilters } from '../addresses'
import { useNow } from '../parts/use-now'
import { WORDS } from '../words'
import { isOrphan, type KnownJobs } from './orphans'
import { RunRow } from './run-row'
import { useHeldRow } from './use-held-row'
import { useKeptPlace } from './use-kept-place'
import { useRowPx } from './use-row-px'

const SAID = WORDS.runs
/** So many rows before its end, what follows is asked for. */
const AHEAD = 30

interface RunListProps {
  list: UseInfiniteRunsResult
  runId: string | null
  filters: RunFilters
  jobs: KnownJobs
  selection: ReadonlySet<string>
  onSelect: (ids: ReadonlySet<string>) => void
}

/** Only the rows in sight are in the page, however many there are. */
export function RunList({ list, runId, filters, jobs, selection, onSelect }: RunListProps): ReactNode {
  const { runs, hasMore, isLoadingMore, loadMore } = list
  const now = useNow(runs.some(({ isActive }) => isActive) ? 1000 : 10_000)
  const frame = useRef<HTMLDivElement>(null)
  const rowPx = useRowPx(frame)
  const onScroll = useKeptPlace(frame, runs, rowPx)
  const { held, ...holding } = useHeldRow(frame, runs)
  // What it returns changes without being another object; nothing here is memoized.
  // eslint-disable-next-line react-hooks/incompatible-library
  const rows = useVirtualizer({
    count: runs.length,
    getScrollElement: () => frame.current,
    estimateSize: () => rowPx,
    getItemKey: (index) => runs[index]?.id ?? index,
    overscan: 8,
    rangeExtractor: (range) => withHeld(defaultRangeExtractor(range), held),
  })
  const shown = rows.getVirtualItems()
  const last = rows.range?.endIndex ?? 0
  useEffect(() => {
    if (hasMore && !isLoadingMore && last >= runs.length - AHEAD) loadMore()
  }, [hasMore, isLoadingMore, last, runs.length, loadMore])
  const goTo = (index: number): void => {
    const target = Math.min(Math.max(index, 0), runs.length - 1)
    rows.scrollToIndex(target)
    // It is there once the list was scrolled to it.
    requestAnimationFrame(() => requestAnimationFrame(() => linkAt(frame.current, target)?.focus()))
  }
  const toggle = (id: string): void => {
    const ids = new Set(selection)
    if (!ids.delete(id)) ids.add(id)
    onSelect(ids)
  }
  return (
    <div
      className="run-list"
      ref={frame}
      onScroll={onScroll}
      onKeyDown={(event) => moveFocus(event, goTo, runs.length)}
      {...holding}
    >
      <ol aria-label={SAID.title} style={{ blockSize: rows.getTotalSize() }}>
        {shown.map(({ index, start }) => {
          const run = runs[index]
          return (
            run !== undefined && (
              <RunRow
                key={run.id}
                run={run}
                index={index}
                top={start}
                count={hasMore ? -1 : runs.length}
                isShown={run.id === runId}
                isSelected={selection.has(run.id)}
                isOrphan={isOrphan(run, jobs)}
                filters={filters}
                now={now}
                onToggle={toggle}
              />
            )
          )
        })}
      </ol>
      {isLoadingMore && <p className="hint run-list-more">{SAID.loadingMore}</p>}
    </div>
  )
}

/** The rows in sight, and the one that is held. */
function withHeld(shown: number[], held: number): number[] {
  return held < 0 || shown.includes(held) ? shown : [...shown, held].sort((one, other) => one - other)
}

/** Up and down through the rows, to the first and the last; Tab leads on. */
function moveFocus(event: KeyboardEvent, goTo: (index: number) => void, count: number): void {
  const row = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>('[data-index]') : null
  if (row === null || isInDialog(event.target) || event.altKey || event.ctrlKey || event.metaKey) return
  const index = Number(row.dataset.index)
  const targets: Record<string, number> = {
    ArrowDown: index + 1,
    ArrowUp: index - 1,
    Home: 0,
    End: count - 1,
  }
  const target = targets[event.key]
  if (target === undefined) return
  event.preventDefault()
  goTo(target)
}

/** A row asks before it deletes: keys there are the dialog's. */
function isInDialog(target: EventTarget): boolean {
  return target instanceof HTMLElement && target.closest('dialog') !== null
}

function linkAt(frame: HTMLElement | null, index: number): HTMLElement | null {
  return frame?.querySelector<HTMLElement>(`[data-index="${index}"] .run-link`) ?? null
}
