import { createContext, useContext } from 'react'
import type { Durably } from '../client'

export const DurablyContext = createContext<Durably | null>(null)

/** The client that the nearest `DurablyProvider` holds. */
export function useDurably(): Durably {
  const durably = useContext(DurablyContext)
  if (durably === null) throw new Error('useDurably() needs a <DurablyProvider> around the component.')
  return durably
}
