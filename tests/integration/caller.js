// Calls a method at a steady rate through grpc-js's own xDS client, and says how each call ended.
//
// usage: caller.js TARGET METHOD RATE
// For each call a line on stdout, as generator.py has it: START END ANSWER, where ANSWER is the response or "failed:WHY".
// For a line on stdin a line "config HEX": what the client has of xDS, as its CSDS service says it. Ends with its stdin.
'use strict';
const readline = require('readline');
const grpc = require('@grpc/grpc-js');
const xds = require('@grpc/grpc-js-xds');

const TIMEOUT_MS = 10000;
const CSDS = '/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus';

xds.register();
const [target, method, rate] = process.argv.slice(2);
const plain = grpc.credentials.createInsecure();
const asIs = (bytes) => bytes;
// process.hrtime reads the clock that Python's time.monotonic does.
const now = () => Number(process.hrtime.bigint()) / 1e9;

const client = new grpc.Client(target, plain);
function call() {
  const start = now();
  client.makeUnaryRequest(method, asIs, asIs, Buffer.from('who'), {deadline: Date.now() + TIMEOUT_MS}, (error, answer) => {
    const text = error ? `failed:${grpc.status[error.code]}_${error.details.split(/\s+/).join('_')}` : answer.toString();
    console.log(`${start.toFixed(6)} ${now().toFixed(6)} ${text}`);
  });
}

const server = new grpc.Server();
grpc.addAdminServicesToServer(server);
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  const own = new grpc.Client(`127.0.0.1:${port}`, plain);
  readline.createInterface({input: process.stdin}).on('line', () => {
    own.makeUnaryRequest(CSDS, asIs, asIs, Buffer.alloc(0), (failed, answer) => {
      console.log(`config ${failed ? '' : answer.toString('hex')}`);
    });
  }).on('close', () => process.exit(0));
  setInterval(call, 1000 / Number(rate));
});
