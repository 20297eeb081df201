import { createContext, useContext } from 'react'

/** Which run is shown. The page keeps it in its address; within a page of others the address is theirs. */
export interface Selection {
  /** Null: none. */
  runId: string | null
  select: (runId: string | null) => void
  /** Null: a run has no address. */
  hrefOf: ((runId: string) => string) | null
}

export const SelectionContext = createContext<Selection>({
  runId: null,
  select: () => undefined,
  hrefOf: null,
})

export function useSelection(): Selection {
  return useContext(SelectionContext)
}
