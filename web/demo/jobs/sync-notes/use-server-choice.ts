import { useState } from 'react'
import { parseChoice, printChoice, type ServerChoice } from './server-choice'

const KEY = 'durably-demo-notes-server'

/** Kept for the next visit where the browser lets the page keep it. */
export function useServerChoice(): [ServerChoice, (choice: ServerChoice) => void] {
  const [choice, setChoice] = useState(() => parseChoice(stored()))
  return [
    choice,
    (chosen) => {
      setChoice(chosen)
      try {
        localStorage.setItem(KEY, printChoice(chosen))
      } catch {
        // Then it holds until the page is left.
      }
    },
  ]
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}
