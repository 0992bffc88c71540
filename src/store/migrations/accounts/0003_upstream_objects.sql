CREATE TABLE `upstream_objects` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`provider` text NOT NULL,
	`key_id` text NOT NULL,
	`org_id` text,
	`user_id` integer,
	`principal` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `upstream_objects_owner` ON `upstream_objects` (`kind`,`org_id`);