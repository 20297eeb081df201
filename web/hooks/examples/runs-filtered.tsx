import { useRuns } from 'durably/react'
import { useState } from 'react'

export function FilteredRuns() {
  const [onlyActive, setOnlyActive] = useState(false)
  const mine = useRuns({
    jobName: ['count-to', 'fail'],
    status: onlyActive ? ['pending', 'leased'] : [],
    labels: { origin: 'mine' },
    view: 'summary', // without inputs and outputs
  })
  // A picture of one moment: nothing is heard, `refresh` asks again.
  const still = useRuns({ jobName: 'count-to', realtime: false })
  return (
    <section>
      <label>
        <input type="checkbox" checked={onlyActive} onChange={() => setOnlyActive(!onlyActive)} />
        Only active
      </label>
      <ol aria-label="Mine">
        {mine.runs.map(({ id, jobName, status }) => (
          <li key={id}>
            {jobName} {status}
          </li>
        ))}
      </ol>
      <p>
        {still.runs.length} <button onClick={still.refresh}>Refresh</button>
      </p>
    </section>
  )
}
