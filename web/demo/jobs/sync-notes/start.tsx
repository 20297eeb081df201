import { useEffect, useRef, useState, type ReactNode } from 'react'
import type { StartProps } from '../../../dashboard'
import { plural } from '../../../dashboard/format'
import { NoteItem } from './note-item'
import { changesOf, deleted, edited, whereabouts } from './notes'
import { addNote, changeNote, readNotes } from './notes-database'
import { toServer, type ServerChoice } from './server-choice'
import { ServerField } from './server-field'
import { useNotes } from './use-notes'
import { useServerChoice } from './use-server-choice'
import './sync-notes.css'

/** Long enough to watch a server that fails. */
const PAUSE_MS = 700

export function Start({ start }: StartProps): ReactNode {
  const { notes, underWay, begun, error, reload } = useNotes()
  const [choice, setChoice] = useServerChoice()
  const [refusal, setRefusal] = useState<string | null>(null)
  const send = async (to: ServerChoice): Promise<void> => {
    // Read anew: another tab may have changed some.
    const changes = changesOf(await readNotes(), begun)
    if (changes.length === 0) return
    await start(
      { changes, server: toServer(to), pause_ms: PAUSE_MS },
      // However many changes are made while a run executes, one run follows it, with the newest input.
      { concurrencyKey: 'notes', coalesce: 'queue', stay: true },
    )
  }
  const perform = async (work: () => Promise<void>): Promise<void> => {
    setRefusal(null)
    try {
      await work()
      await reload()
      await send(choice)
    } catch (reason) {
      setRefusal(reason instanceof Error ? reason.message : String(reason))
    }
  }
  const sendAgain = (): Promise<void> => perform(() => Promise.resolve())
  useWhenOnline(choice.kind === 'http' ? sendAgain : null)
  const waiting = notes?.filter((note) => whereabouts(note, underWay) === 'here').length ?? 0
  return (
    <div className="notes">
      <p className="hint">
        Notes are saved in this browser first, with or without a network. A durable job then takes each change
        to the server, however often that fails.
      </p>
      <ServerField choice={choice} onChange={setChoice} />
      <NewNote onAdd={(text) => perform(() => addNote(text))} />
      {error !== null && <p className="action-error">{error}</p>}
      {notes?.length === 0 && <p className="hint">There is no note yet.</p>}
      <ul className="notes-list" aria-label="Notes" aria-busy={notes === null && error === null}>
        {notes?.map((note) => (
          <NoteItem
            key={note.id}
            note={note}
            where={whereabouts(note, underWay)}
            onEdit={(text) => perform(() => changeNote(note.id, (before) => edited(before, text)))}
            onDelete={() => perform(() => changeNote(note.id, deleted))}
          />
        ))}
      </ul>
      {waiting > 0 && (
        <button type="button" className="button" onClick={() => void sendAgain()}>
          Send {plural(waiting, 'change')} to the server
        </button>
      )}
      <p className="errors" role="alert">
        {refusal}
      </p>
    </div>
  )
}

function NewNote({ onAdd }: { onAdd: (text: string) => Promise<void> }): ReactNode {
  const [text, setText] = useState('')
  return (
    <form
      className="notes-new"
      onSubmit={(event) => {
        event.preventDefault()
        if (text.trim() === '') return
        setText('')
        void onAdd(text.trim())
      }}
    >
      <label>
        <span className="label">New note</span>
        <input
          className="input"
          value={text}
          maxLength={2000}
          onChange={({ target }) => setText(target.value)}
        />
      </label>
      <button type="submit" className="button button-primary">
        Add
      </button>
    </form>
  )
}

/** Calls the newest of these functions each time when the network is back. */
function useWhenOnline(work: (() => Promise<void>) | null): void {
  const newest = useRef(work)
  useEffect(() => {
    newest.current = work
  })
  useEffect(() => {
    const go = (): void => void newest.current?.()
    window.addEventListener('online', go)
    return () => window.removeEventListener('online', go)
  }, [])
}
