import { useState, type ReactNode } from 'react'
import { inWords, type Note, type Whereabouts } from './notes'

interface NoteItemProps {
  note: Note
  where: Whereabouts
  onEdit: (text: string) => Promise<void>
  onDelete: () => Promise<void>
}

export function NoteItem({ note, where, onEdit, onDelete }: NoteItemProps): ReactNode {
  const [draft, setDraft] = useState<string | null>(null)
  const state = (
    <p className="notes-state" data-where={where} role="status">
      {inWords(note, where)}
    </p>
  )
  if (draft !== null && !note.isDeleted) {
    return (
      <li className="notes-note">
        <form
          className="notes-edit"
          onSubmit={(event) => {
            event.preventDefault()
            setDraft(null)
            if (draft.trim() !== '' && draft.trim() !== note.text) void onEdit(draft.trim())
          }}
          onKeyDown={({ key }) => {
            if (key === 'Escape') setDraft(null)
          }}
        >
          <input
            className="input"
            aria-label="Text of the note"
            autoFocus
            maxLength={2000}
            value={draft}
            onChange={({ target }) => setDraft(target.value)}
          />
          <button type="submit" className="button">
            Save
          </button>
        </form>
        {state}
      </li>
    )
  }
  return (
    <li className="notes-note">
      <p className="notes-text">{note.isDeleted ? <del>{note.text}</del> : note.text}</p>
      {!note.isDeleted && (
        <div className="notes-buttons">
          <button
            type="button"
            className="button button-quiet"
            aria-label={`Edit ${note.text}`}
            onClick={() => setDraft(note.text)}
          >
            Edit
          </button>
          <button
            type="button"
            className="button button-quiet"
            aria-label={`Delete ${note.text}`}
            onClick={() => void onDelete()}
          >
            Delete
          </button>
        </div>
      )}
      {state}
    </li>
  )
}
