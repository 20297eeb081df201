import type { ReactNode } from 'react'
import type { Durably } from '../client'
import { DurablyContext } from './context'

export interface DurablyProviderProps {
  durably: Durably
  children: ReactNode
}

/** Gives the hooks below it their client. Closing the client is left to who made it. */
export function DurablyProvider({ durably, children }: DurablyProviderProps): ReactNode {
  return <DurablyContext.Provider value={durably}>{children}</DurablyContext.Provider>
}
