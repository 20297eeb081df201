import { createContext, useContext } from 'react'
import type { Durably } from '../client'
import type { RegisteredJobs } from '../job-types'

export const DurablyContext = createContext<Durably | null>(null)

/** The client that the nearest `DurablyProvider` holds. */
export function useDurably<Jobs extends object = RegisteredJobs>(): { durably: Durably<Jobs> } {
  return { durably: useClient() as unknown as Durably<Jobs> }
}

/** The same without types of jobs, as the hooks themselves use it. */
export function useClient(): Durably {
  const durably = useContext(DurablyContext)
  if (durably === null) throw new Error('Hooks of Durably need a <DurablyProvider> around the component.')
  return durably
}
