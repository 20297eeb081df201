import type { ClientRun } from 'durably'
import { useCallback, useLayoutEffect, useRef, type RefObject } from 'react'

/** So many rows are remembered: where some are gone meanwhile, the next one tells the place. */
const REMEMBERED = 20

interface Seen {
  /** Where the first of them was. */
  first: number
  ids: readonly string[]
  rowPx: number
}

/** Who has scrolled down goes on seeing the same runs while others come in above. */
export function useKeptPlace(
  ref: RefObject<HTMLElement | null>,
  runs: readonly ClientRun[],
  rowPx: number,
): () => void {
  const seen = useRef<Seen>({ first: 0, ids: [], rowPx })
  const remember = useCallback(() => {
    const first = Math.floor((ref.current?.scrollTop ?? 0) / rowPx)
    seen.current = { first, ids: runs.slice(first, first + REMEMBERED).map(({ id }) => id), rowPx }
  }, [ref, runs, rowPx])
  useLayoutEffect(() => {
    const list = ref.current
    // At its beginning, one sees what is new.
    if (list !== null && list.scrollTop > 0) {
      // A device that was turned may have higher rows.
      const grown = list.scrollTop * (rowPx / seen.current.rowPx - 1)
      list.scrollBy({ top: grown + movedBy(seen.current, runs) * rowPx })
    }
    remember()
  }, [ref, runs, rowPx, remember])
  return remember
}

/** By how many rows what was seen lies further down. */
function movedBy({ first, ids }: Seen, runs: readonly ClientRun[]): number {
  for (const [place, seenId] of ids.entries()) {
    const now = runs.findIndex(({ id }) => id === seenId)
    if (now >= 0) return now - (first + place)
  }
  return 0
}
