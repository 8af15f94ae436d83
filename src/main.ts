const [flag, name, ...rest] = process.argv.slice(2)

// each program loads only what it needs: a password tool is called in loops
if (flag === '--as' && name === 'htpasswd') process.exitCode = await (await import('./cli/htpasswd.ts')).runHtpasswd(rest)
else process.exitCode = await (await import('./cli/program.ts')).run(process.argv.slice(2))
