import type { UseInfiniteRunsResult } from 'durably/react'
import { useEffect, useRef, type RefObject } from 'react'
import { useLocation } from 'wouter'
import { runAddress, type RunFilters } from '../addresses'

/** From here on the list and a run stand side by side. As in the styles. */
const WIDE_PX = 900

/** Who opens the page again sees at once how the last run goes on, unless the address names another, or a view. */
export function useNewestRunAtFirst(
  { isLoading, error, runs }: UseInfiniteRunsResult,
  runId: string | null,
  isShown: boolean,
  filters: RunFilters,
  frame: RefObject<HTMLElement | null>,
): void {
  const [, navigate] = useLocation()
  const isDone = useRef(false)
  useEffect(() => {
    if (!isShown || isLoading || error !== null || isDone.current) return
    isDone.current = true
    const newest = runs.find(({ isActive }) => isActive) ?? runs[0]
    const isWide = (frame.current?.clientWidth ?? 0) >= WIDE_PX
    if (runId !== null || newest === undefined || !isWide) return
    navigate(runAddress(newest.id, filters), { replace: true })
  }, [isShown, isLoading, error, runs, runId, filters, navigate, frame])
}
