import { useStats } from 'durably/react'

export function Today() {
  const { stats, isLoading, error } = useStats({ windowMs: 86_400_000, bucketMs: 3_600_000 })
  if (error !== null) return <p role="alert">{error}</p>
  if (isLoading) return <p>Loading …</p>
  return (
    <table>
      <caption>The last day</caption>
      <tbody>
        {stats?.jobs.map(({ jobName, completed, failed, durationP95Ms, pending, buckets }) => (
          <tr key={jobName}>
            <th scope="row">{jobName}</th>
            <td>{completed} completed</td>
            <td>{failed} failed</td>
            <td>95 % within {durationP95Ms ?? '–'} ms</td>
            <td>{pending} waiting</td>
            <td>in {buckets.length} of 24 hours</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
