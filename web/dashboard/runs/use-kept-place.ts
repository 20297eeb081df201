import type { ClientRun } from 'durably'
import { useCallback, useLayoutEffect, useRef, type RefObject } from 'react'

/** So many rows are remembered: where some are gone meanwhile, the next one tells the place. */
const REMEMBERED = 20

interface Seen {
  /** Where the first of them was. */
  first: number
  ids: readonly string[]
}

/** Who has scrolled down goes on seeing the same runs while others come in above. */
export function useKeptPlace<Element extends HTMLElement>(
  runs: readonly ClientRun[],
  rowPx: number,
): { ref: RefObject<Element | null>; onScroll: () => void } {
  const ref = useRef<Element>(null)
  const seen = useRef<Seen>({ first: 0, ids: [] })
  const remember = useCallback(() => {
    const first = Math.floor((ref.current?.scrollTop ?? 0) / rowPx)
    seen.current = { first, ids: runs.slice(first, first + REMEMBERED).map(({ id }) => id) }
  }, [runs, rowPx])
  useLayoutEffect(() => {
    const list = ref.current
    // At its beginning, one sees what is new.
    if (list !== null && list.scrollTop > 0) list.scrollBy({ top: movedBy(seen.current, runs) * rowPx })
    remember()
  }, [runs, rowPx, remember])
  return { ref, onScroll: remember }
}

/** By how many rows what was seen lies further down. */
function movedBy({ first, ids }: Seen, runs: readonly ClientRun[]): number {
  for (const [place, seenId] of ids.entries()) {
    const now = runs.findIndex(({ id }) => id === seenId)
    if (now >= 0) return now - (first + place)
  }
  return 0
}
