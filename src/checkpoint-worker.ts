/** The thread that moves what a database's write-ahead log holds into its file, so that no call waits for the disk. */
import { type CheckpointReply, checkpointOnce } from "./store/checkpointer.ts";

declare const self: Worker;

self.onmessage = ({ data: path }: MessageEvent<string>) => {
  let reply: CheckpointReply;
  try {
    reply = { isWhole: checkpointOnce(path) };
  } catch (error) {
    reply = { failure: String(error) };
  }
  self.postMessage(reply);
};
