import { useEngineStatus, useJob } from 'durably/react'
import { useState } from 'react'
import { RecentRuns } from './recent-runs'

export function App() {
  const { state } = useEngineStatus()
  // Shows the newsletter that is being sent already, whoever began it.
  const newsletter = useJob('send-newsletter')
  const [subject, setSubject] = useState('Spring')

  return (
    <>
      <header>
        <h1>Newsletter</h1>
        <p>A Python job on the server. Close the page, or kill the server: it goes on with the next reader.</p>
        {state === 'offline' && (
          <p className="notice" role="status">
            The server can't be reached. It is tried again.
          </p>
        )}
      </header>
      <main>
        <form
          className="card"
          onSubmit={(event) => {
            event.preventDefault()
            void newsletter.trigger({ subject })
          }}
        >
          <label>
            Subject <input value={subject} onChange={({ target }) => setSubject(target.value)} />
          </label>
          <button type="submit" disabled={newsletter.isActive}>
            Send
          </button>
          {newsletter.progress !== null && (
            <label className="progress">
              <progress value={newsletter.progress.current} max={newsletter.progress.total} />
              <span>{newsletter.progress.message}</span>
            </label>
          )}
          {newsletter.output !== null && (
            <p>
              “{newsletter.output.subject}” went to {newsletter.output.letters} readers.
            </p>
          )}
          {newsletter.error !== null && <p role="alert">{newsletter.error}</p>}
        </form>
        <RecentRuns />
      </main>
    </>
  )
}
