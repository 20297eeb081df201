import type { ReactNode } from 'react'
import { MOODS, type Mood, type ServerChoice } from './server-choice'

interface ServerFieldProps {
  choice: ServerChoice
  onChange: (choice: ServerChoice) => void
}

const MOOD_WORDS: Record<Mood, string> = {
  steady: 'Steady: takes every change at once',
  flaky: 'Flaky: fails up to three times, then takes it',
  down: 'Down: can’t be reached, and is given up after five tries',
}

export function ServerField({ choice, onChange }: ServerFieldProps): ReactNode {
  return (
    <fieldset className="notes-server">
      <legend>Server</legend>
      <p className="hint">
        This page has no server: the job plays one. Choose its mood. It refuses notes with the word “refuse”.
      </p>
      {MOODS.map((mood) => (
        <label key={mood}>
          <input
            type="radio"
            name="notes-server"
            checked={choice.kind === 'practice' && choice.mood === mood}
            onChange={() => onChange({ ...choice, kind: 'practice', mood })}
          />
          {MOOD_WORDS[mood]}
        </label>
      ))}
      <label>
        <input
          type="radio"
          name="notes-server"
          checked={choice.kind === 'http'}
          onChange={() => onChange({ ...choice, kind: 'http' })}
        />
        A real one, at an address of yours
      </label>
      {choice.kind === 'http' && (
        <label className="notes-address">
          <span className="label">Address</span>
          <input
            className="input"
            type="url"
            inputMode="url"
            placeholder="https://notes.example/notes"
            value={choice.url}
            aria-describedby="notes-address-hint"
            onChange={({ target }) => onChange({ ...choice, url: target.value })}
          />
          <span className="hint" id="notes-address-hint">
            Notes go there by PUT and DELETE, below the address and a slash. The server has to let this page
            ask (CORS).
          </span>
        </label>
      )}
    </fieldset>
  )
}
